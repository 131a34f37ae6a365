import type { Mapping } from '../mapping/mapping.ts'
import type { Lane, Mode, ProfileKind, TableType } from '../words.ts'
import type { Schedule } from './schedule.ts'

/** A sync as a person asks for it: which table becomes what, how and when. */
export type SyncDefinition = {
  readonly name: string
  readonly sourceId: string
  readonly table: { readonly schema: string; readonly name: string }
  readonly tableType: TableType
  readonly mode: Mode
  /** Append: the column that says when a row was inserted. */
  readonly insertTimeColumn: string | null
  /** Append: how much before the last position is read again in each run, in ms. */
  readonly overlapMs: number
  readonly schedule: Schedule
  readonly mapping: Mapping
  /** null = chosen per run by its size. */
  readonly lane: Lane | null
}

/** standard or history for profiles, null for what has no kind. */
export function profileKindOf(mapping: Mapping): ProfileKind | null {
  return mapping.tableType === 'user_profiles' || mapping.tableType === 'group_profiles' ? mapping.profileKind : null
}
