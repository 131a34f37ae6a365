import type { WarehouseKind } from '@millrace/domain/words.ts'

/** One source, ready to be connected to. */
export type OpenWarehouseRequest = {
  readonly kind: WarehouseKind
  /** As stored with the source; checked against the closed set of the kind. */
  readonly options: Readonly<Record<string, unknown>>
  /** Opened secrets by field. They go to the driver and nowhere else. */
  readonly secrets: Readonly<Record<string, string>>
  /** What an operator allows beyond the public network: private networks, more ports. */
  readonly net: {
    readonly allowedCidrs: readonly string[]
    readonly allowedPorts?: readonly number[]
    /** An operator's own address of BigQuery's API instead of Google's; tokens are asked for at its `/token`. */
    readonly bigQueryEndpoint?: string | undefined
  }
  /** Shown in the warehouse's list of sessions. */
  readonly applicationName: string
}
