import type { OpenWarehouseRequest } from './open-warehouse-request.ts'
import type { OptionProblem, SecretField } from './option-problem.ts'
import type { SetUpGuide } from './set-up/set-up-guide.ts'
import type { Warehouse } from './warehouse.ts'

/** What Millrace knows of one kind of warehouse, as data; the core asks nothing else of a kind. Each stands in its folder and in `warehouse-drivers.ts`. */
export type WarehouseDriver = {
  /** For forms, API schemas and reference pages. */
  readonly options: {
    readonly fields: Readonly<Record<string, { readonly required: boolean; readonly description: string }>>
    readonly secrets: readonly SecretField[]
    /** All that is wrong with the options, and with which secrets are there; empty when they can be tried. */
    problems(options: unknown, secretNames: readonly string[]): readonly OptionProblem[]
  }
  readonly setUp: SetUpGuide
  /** Its owner lets Millrace in under the project's external id only. */
  readonly asksExternalId?: boolean
  /** Its mirror follows views as well as tables. */
  readonly mirrorsViews?: boolean
  /**
   * Nothing is connected yet. Throws `WarehouseError` `options_invalid`. Client libraries are loaded here, not with the driver: a
   * process has the ones of the warehouses that it opens only.
   */
  open(request: OpenWarehouseRequest): Warehouse | Promise<Warehouse>
}
