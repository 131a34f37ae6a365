import type { ChangeOp, UpdateOp } from '../words.ts'
import { AvroError } from './avro-error.ts'

/** Operations in the order of the Avro enum ChangeOp. */
export const changeOps: readonly ChangeOp[] = ['insert', 'update', 'delete']
/** Operations in the order of the Avro enum UpdateOp: those of ChangeOp have the same place in both. */
export const updateOps: readonly UpdateOp[] = [...changeOps, 'retract']

export function opIndex(op: UpdateOp): number {
  return op === 'insert' ? 0 : op === 'update' ? 1 : op === 'delete' ? 2 : 3
}

export function changeOpAt(index: number): ChangeOp {
  const op = changeOps[index]
  if (op === undefined) throw new AvroError(`no operation of a change has the index ${index}`)
  return op
}

export function updateOpAt(index: number): UpdateOp {
  const op = updateOps[index]
  if (op === undefined) throw new AvroError(`no operation of an update has the index ${index}`)
  return op
}
