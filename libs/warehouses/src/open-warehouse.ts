import type { WarehouseKind } from '@millrace/domain/words.ts'
import { openPostgres } from './postgres/open-postgres.ts'
import type { Warehouse } from './warehouse.ts'
import { WarehouseError } from './warehouse-error.ts'

export type OpenWarehouseRequest = {
  readonly kind: WarehouseKind
  /** As stored with the source; checked against the closed set of the kind. */
  readonly options: Readonly<Record<string, unknown>>
  /** Opened secrets by field. They go to the driver and nowhere else. */
  readonly secrets: Readonly<Record<string, string>>
  /** What an operator allows beyond the public network: private networks, more ports. */
  readonly net: { readonly allowedCidrs: readonly string[]; readonly allowedPorts?: readonly number[] }
  /** Shown in the warehouse's list of sessions. */
  readonly applicationName: string
}

/**
 * A warehouse of any kind. Nothing is connected yet: the first method called does that. Throws `WarehouseError`
 * `options_invalid` when the options cannot be tried.
 */
export function openWarehouse(request: OpenWarehouseRequest): Warehouse {
  switch (request.kind) {
    case 'postgres':
      return openPostgres(request)
    default:
      throw new WarehouseError(
        'options_invalid',
        `Sources of the kind ${request.kind} cannot be read by this version.`,
        'Use a source of the kind postgres.',
      )
  }
}
