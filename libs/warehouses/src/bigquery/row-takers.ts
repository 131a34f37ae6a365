import type { ChangeSink } from '../change-sink.ts'
import { type ApiRow, malformed, RowEncoder } from './row-encoder.ts'
import type { TypeRuleName } from './types.ts'

/** Every row of the results is an insert. */
export function insertTaker(encoder: RowEncoder, sink: ChangeSink): (row: ApiRow) => boolean {
  return (row) => {
    encoder.encode(row)
    const goesOn = sink.insert(encoder.rowId, encoder.writer.buffer, 0, encoder.writer.length)
    encoder.shrink()
    return goesOn
  }
}

/**
 * Rows of the results are changes: op, row id (made by the warehouse, since the columns of a deleted row may be gone), the new
 * row, the old values that are wanted.
 */
export function changeTaker(
  rules: readonly TypeRuleName[],
  beforeRules: readonly TypeRuleName[],
  sink: ChangeSink,
): (row: ApiRow) => boolean {
  const total = 2 + rules.length + beforeRules.length
  const now = new RowEncoder(rules, [], { first: 2, total })
  const old = new RowEncoder(beforeRules, [], { first: 2 + rules.length, total })
  const rowId = Buffer.allocUnsafeSlow(32)
  return (row) => {
    const op = row.f[0]?.v
    const id = row.f[1]?.v
    if (typeof id !== 'string' || rowId.write(id, 'base64') !== 32) throw malformed()
    if (op !== 'insert' && op !== 'update' && op !== 'delete') throw malformed()
    if (op !== 'delete') now.encode(row)
    if (op === 'insert') {
      const goesOn = sink.change(op, rowId, now.writer.buffer, 0, now.writer.length, null)
      now.shrink()
      return goesOn
    }
    old.encode(row)
    const before = old.writer.buffer.subarray(0, old.writer.length)
    const image = op === 'delete' ? null : now.writer.buffer
    const goesOn = sink.change(op, rowId, image, 0, op === 'delete' ? 0 : now.writer.length, before)
    now.shrink()
    old.shrink()
    return goesOn
  }
}
