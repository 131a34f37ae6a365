import type { PlanRequest } from '../warehouse.ts'
import type { FoundTable } from './catalog.ts'
import { columnNotFound } from './latest-time.ts'

/** The columns that rows are found by: those asked for, else the primary key; none = the whole row. Throws `column_not_found`. */
export function identityOf({ identity }: PlanRequest, found: FoundTable): readonly string[] {
  for (const name of identity) {
    if (!found.columns.some((column) => column.name === name)) throw columnNotFound(name, found)
  }
  return identity.length > 0 ? identity : found.key
}
