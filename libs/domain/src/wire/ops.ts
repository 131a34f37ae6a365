import type { ChangeOp } from '../words.ts'
import { AvroError } from './avro-error.ts'

/** Operations in the order of the Avro enums ChangeOp and UpdateOp. */
export const changeOps: readonly ChangeOp[] = ['insert', 'update', 'delete']

export function opIndex(op: ChangeOp): number {
  return op === 'insert' ? 0 : op === 'update' ? 1 : 2
}

export function opAt(index: number): ChangeOp {
  const op = changeOps[index]
  if (op === undefined) throw new AvroError(`no operation has the index ${index}`)
  return op
}
