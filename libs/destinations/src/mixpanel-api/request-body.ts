import { constants, gzipSync } from 'node:zlib'
import { integerTextMax, writeInteger } from '@millrace/domain/text/integer-text.ts'
import { opIndex } from '@millrace/domain/wire/ops.ts'
import type { RecordBatch, RunVersion } from '../record-batch.ts'

const [openBracket, closeBracket, comma] = [91, 93, 44]

/**
 * body = '[' record *( ',' record ) ']'
 *
 * With a `prefix`, each record's opening brace is replaced by it: the way the project token gets into a profile update.
 * Writes records [from, to) of the batch into `target`, which must have room for `joinedBytesMax`; gives the length.
 */
export function joinRecords(
  batch: RecordBatch,
  from: number,
  to: number,
  prefix: Uint8Array | null,
  target: Buffer,
): number {
  const { buffers, sources, starts, ends } = batch
  let at = 0
  for (let n = from; n < to; n++) {
    target[at++] = n === from ? openBracket : comma
    let start = starts[n]!
    if (prefix !== null) {
      target.set(prefix, at)
      at += prefix.length
      start++
    }
    at += buffers[sources[n]!]!.copy(target, at, start, ends[n]!)
  }
  target[at++] = closeBracket
  return at
}

/** An update takes the place of what was there, a retract takes away: to the destination there are two operations. */
const firstDelete = opIndex('delete')

/**
 * body      = '[' operation *( ',' operation ) ']'
 * operation = '[' ( '"upsert"' / '"delete"' ) ',' generation ',' run_seq ',' ordinal ',' record ']'
 *
 * Writes records [from, to) of a mirror's batch so, as `joinRecords` does.
 */
export function joinOperations(batch: RecordBatch, from: number, to: number, target: Buffer): number {
  const { buffers, sources, starts, ends, ops, ordinals, version } = batch
  const upsert = operationHead('upsert', version!)
  const remove = operationHead('delete', version!)
  let at = 0
  for (let n = from; n < to; n++) {
    target[at++] = n === from ? openBracket : comma
    const head = ops[n]! < firstDelete ? upsert : remove
    target.set(head, at)
    at = writeInteger(target, at + head.length, ordinals[n]!)
    target[at++] = comma
    at += buffers[sources[n]!]!.copy(target, at, starts[n]!, ends[n]!)
    target[at++] = closeBracket
  }
  target[at++] = closeBracket
  return at
}

function operationHead(op: 'upsert' | 'delete', { generation, runSeq }: RunVersion): Buffer {
  return Buffer.from(`["${op}",${generation},${runSeq},`)
}

/** What an operation adds to a record at most. */
export function operationBytesMax(version: RunVersion): number {
  return operationHead('upsert', version).length + integerTextMax + 2
}

/** Room that joining records [from, to) takes at most, with so many bytes added to each. */
export function joinedBytesMax(batch: RecordBatch, from: number, to: number, addedBytes: number): number {
  if (from === 0 && to === batch.length) return batch.bytes + (to - from) * addedBytes + 2
  let bytes = 2
  for (let n = from; n < to; n++) bytes += batch.ends[n]! - batch.starts[n]! + 1 + addedBytes
  return bytes
}

/** Larger buffers are left to the garbage collector. */
const keptBytesMax = 4 * 1024 * 1024

/**
 * Joins in one buffer that is used again, then compresses, on the main thread. Bodies that wait for the thread pool, with
 * a buffer each, were the larger part of the loader's memory, and their way there and back costs CPU: end to end 5.6
 * instead of 7.1 s per million records, with a linger that fills the requests. The event loop stands still for 2 ms for
 * 2,000 events.
 */
export class BodyMaker {
  #joined = Buffer.allocUnsafeSlow(1 << 20)

  /** The compressed body, and its size before that. `prefix` is for records that are no operations. */
  make(
    batch: RecordBatch,
    from: number,
    to: number,
    prefix: Uint8Array | null,
  ): { readonly body: Buffer; readonly bytes: number } {
    const { version } = batch
    const addedBytes = version === null ? (prefix?.length ?? 0) : operationBytesMax(version)
    const target = this.#bufferOf(joinedBytesMax(batch, from, to, addedBytes))
    const bytes =
      version === null ? joinRecords(batch, from, to, prefix, target) : joinOperations(batch, from, to, target)
    // Level 1: a third of level 6's time for nine tenths of its saving. Memory level 9 saves a sixth
    // of the rest, and large chunks make it one step instead of forty.
    const body = gzipSync(target.subarray(0, bytes), {
      level: constants.Z_BEST_SPEED,
      memLevel: constants.Z_MAX_MEMLEVEL,
      chunkSize: Math.min(1 << 18, Math.max(16 * 1024, bytes >>> 2)),
    })
    return { body, bytes }
  }

  #bufferOf(bytes: number): Buffer {
    if (bytes <= this.#joined.length) return this.#joined
    const buffer = Buffer.allocUnsafeSlow(bytes)
    if (bytes <= keptBytesMax) this.#joined = buffer
    return buffer
  }
}
