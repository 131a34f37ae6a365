import type { WarehouseKind } from '../words.ts'

/** What a mapping needs to know of its sync. */
export type MappingContext = {
  readonly syncId: string
  readonly generation: number
  /** Sent as `$warehouse_import_id`. */
  readonly importId: string
  /** Sent as `$warehouse_type`. */
  readonly warehouse: WarehouseKind
  /** Rows that the destination's strict validation would refuse are rejects. There is no other mode. */
  readonly strict: true
}
