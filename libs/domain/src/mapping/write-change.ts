import { AvroError } from '../wire/avro-error.ts'
import type { UpdateBatchBuilder } from '../wire/update-batch.ts'
import type { EventKey } from './event-key.ts'
import { type RowInput, type RowTransform, rejectTooLarge } from './row-transform.ts'

/** A transform of rows that the destination keys on values which a change of the row can change. */
export type KeyedTransform = RowTransform & {
  readonly key: EventKey
  readonly oldKey: EventKey
  /** Writes what takes away the row as it was: `oldKey` is loaded. False when no such row can have been loaded. */
  writeOld(op: 'delete' | 'retract', row: RowInput, out: UpdateBatchBuilder): boolean
}

/**
 * An update or delete of a keyed row:
 *
 * | change | the row before        | the row now             | becomes                               |
 * | ------ | --------------------- | ----------------------- | ------------------------------------- |
 * | update | loaded                | good, the same key      | update                                |
 * | update | loaded                | good, another key       | retract of the old one, update        |
 * | update | loaded                | bad or too large        | reject, retract of the old one        |
 * | update | never loaded (bad)    | good                    | update                                |
 * | update | never loaded (bad)    | bad                     | reject                                |
 * | delete | loaded                |                         | delete                                |
 * | delete | never loaded (bad)    |                         | nothing, counted as filtered          |
 *
 * Throws `AvroError` when the change does not say what the row was: guessing would leave it at the destination.
 */
export function writeChange(target: KeyedTransform, row: RowInput, out: UpdateBatchBuilder): void {
  if (!row.hasOld) throw new AvroError(`the ${row.op} of row ${row.ordinal} lacks its before-image`)
  const wasLoaded = target.oldKey.load(row.old)
  if (row.op === 'delete') {
    if (!wasLoaded || !target.writeOld('delete', row, out)) out.filter()
    return
  }
  const moved = wasLoaded && !(row.hasRow && target.key.load(row.fields) && target.key.equals(target.oldKey))
  if (moved) target.writeOld('retract', row, out)
  const rejects = out.rejects
  if (row.hasRow) target.write(row, out)
  else rejectTooLarge(row, out)
  if (wasLoaded && !moved && out.rejects > rejects) target.writeOld('retract', row, out)
}
