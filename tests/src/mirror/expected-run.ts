import type { RunAnswer } from '@millrace/local-stack/run-answer.ts'
import type { ModelSync } from './model-sync.ts'
import { byIdentity, type ModelRow, type ModelTable, rowText } from './model-table.ts'
import { type HeldRecord, heldRecord, mayBeHeld, type OracleContext } from './oracle.ts'

/** The counts of a mirror run. */
export type RunNumbers = {
  readonly found: { readonly inserts: number; readonly updates: number; readonly deletes: number }
  /** Rows of the table now that are left out, since another one is the same row. */
  readonly identical: number
  readonly known: number
  /** What the destination took. History does not tell new rows from changed ones: all are `updates`. */
  readonly taken: { readonly inserts: number; readonly updates: number; readonly deletes: number }
  readonly rejected: number
  /** Deletions of rows that were never loaded. */
  readonly filtered: number
  readonly missing: number
}

/** What a run must count that finds the table `now`, when the last one that succeeded found `before`; null for a first run. */
export function expectedRun(
  before: ModelTable | null,
  now: ModelTable,
  sync: ModelSync,
  context: OracleContext,
): RunNumbers {
  const old = before === null ? new Map<string, ModelRow>() : byIdentity(before)
  const rows = byIdentity(now)
  const found = { inserts: 0, updates: 0, deletes: 0 }
  const taken = { inserts: 0, updates: 0, deletes: 0 }
  let rejected = 0
  let filtered = 0
  for (const [identity, row] of rows) {
    const known = old.get(identity)
    if (known !== undefined && rowText(known) === rowText(row)) continue
    const op = known === undefined ? 'inserts' : 'updates'
    found[op]++
    if (heldRecord(now, sync, row, context) === null) rejected++
    else taken[sync.tableType === 'events' ? op : 'updates']++
  }
  for (const [identity, row] of old) {
    if (rows.has(identity)) continue
    found.deletes++
    if (mayBeHeld(before as ModelTable, sync, row)) taken.deletes++
    else filtered++
  }
  const identical = now.rows.length - rows.size
  return { found, identical, known: old.size, taken, rejected, filtered, missing: 0 }
}

/** What the control API says of a run, in the same words. */
export function countedRun({ counts, changes }: RunAnswer, sync: ModelSync): RunNumbers {
  const { inserts = -1, updates = -1, deletes = -1, identicalRows = -1, knownRows = -1 } = changes ?? {}
  const taken =
    sync.tableType === 'events'
      ? { inserts: counts.events, updates: counts.updates, deletes: counts.deletes }
      : sync.tableType === 'user_profiles'
        ? { inserts: 0, updates: counts.userUpdates, deletes: counts.userDeletes }
        : { inserts: 0, updates: counts.groupUpdates, deletes: counts.groupDeletes }
  const { rejected, filtered, missing } = counts
  const found = { inserts, updates, deletes }
  return { found, identical: identicalRows, known: knownRows, taken, rejected, filtered, missing }
}

/** What the destination must hold of a table: its good rows, those that are the same row once. */
export function expectedRecords(table: ModelTable, sync: ModelSync, context: OracleContext): readonly HeldRecord[] {
  return [...byIdentity(table).values()].flatMap((row) => heldRecord(table, sync, row, context) ?? [])
}
