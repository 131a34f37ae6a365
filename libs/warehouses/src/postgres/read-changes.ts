import { promisify } from 'node:util'
import { zstdDecompress } from 'node:zlib'
import type { ChangeSink } from '../change-sink.ts'
import type { KeptReader } from '../mirror/kept.ts'
import { resyncRequired } from '../mirror/resync-required.ts'
import type { ReadPlan, ReadResult } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'
import { headBytes, opCodes } from './changes-writer.ts'
import { identityBytes } from './mirror-statements.ts'
import { wireRowBytesMax } from './row-stream.ts'

const decompress = promisify(zstdDecompress)
/** A blob that was nearly full, and the largest row with its before-image. */
const plainBytesMax = 16 * 1024 * 1024 + 3 * wireRowBytesMax

/** A chunk of a mirror run: blobs of changes, and how many changes they hold. */
export type ChangesChunk = { readonly blobs: readonly string[]; readonly rows: number }

/** Throws `resync_required` unless all that a plan has set aside is there. */
export async function checkChanges(kept: KeptReader, { table, chunks }: ReadPlan): Promise<void> {
  const blobs = chunks.flatMap((chunk) => (chunk as ChangesChunk).blobs)
  if (!(await kept.hasBlobs(blobs))) throw resyncRequired(table, 'snapshot_gone')
}

/**
 * Hands the changes that a plan has set aside to the sink, in their order; they never change. Throws `pin_lost` when some are gone, before
 * the first is handed over.
 */
export async function readChanges(
  kept: KeptReader,
  { blobs, rows }: ChangesChunk,
  sink: ChangeSink,
  signal: AbortSignal,
): Promise<ReadResult> {
  if (!(await kept.hasBlobs(blobs))) throw changesGone()
  let read = 0
  for (const id of blobs) {
    signal.throwIfAborted()
    const blob = (await kept.blobs([id])).get(id)
    if (blob === undefined) throw changesGone()
    read += await handOver(await decompress(blob, { maxOutputLength: plainBytesMax }), sink, signal)
  }
  if (read !== rows) throw new Error(`the plan has set ${rows} changes aside, and there are ${read}`)
  return { rows: read }
}

function changesGone(): WarehouseError {
  return new WarehouseError(
    'pin_lost',
    'Changes that the run has set aside are gone from the control store.',
    'The run looks whether it can go on.',
  )
}

async function handOver(plain: Buffer, sink: ChangeSink, signal: AbortSignal): Promise<number> {
  let rows = 0
  let at = 0
  while (at < plain.length) {
    const op = opCodes[plain[at]!]
    if (op === undefined) throw new Error('a change of an unknown kind was set aside')
    const rowId = plain.subarray(at + 1, at + 1 + identityBytes)
    const beforeLength = plain.readInt32LE(at + headBytes - 8)
    const rowLength = plain.readInt32LE(at + headBytes - 4)
    const beforeAt = at + headBytes
    const rowAt = beforeAt + Math.max(0, beforeLength)
    const before = beforeLength < 0 ? null : plain.subarray(beforeAt, rowAt)
    at = rowAt + Math.max(0, rowLength)
    rows++
    if (sink.change(op, rowId, rowLength < 0 ? null : plain, rowAt, at, before)) continue
    await sink.drained()
    signal.throwIfAborted()
  }
  return rows
}
