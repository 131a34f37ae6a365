import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import type { ChangeOp } from '@millrace/domain/words.ts'
import type { ChangeSink } from '../change-sink.ts'
import type { ReadResult } from '../warehouse.ts'
import type { Bucket } from './bucket.ts'
import { awsError } from './errors.ts'
import { pinLost } from './pin-lost.ts'
import { RowEncoder } from './row-encoder.ts'
import { malformed, RowLines } from './row-lines.ts'
import type { TypeRuleName } from './types.ts'

export type FilesRequest = {
  readonly bucket: Bucket
  /** The run's place in the bucket. */
  readonly path: string
  readonly files: readonly string[]
  readonly rows: number
  readonly rules: readonly TypeRuleName[]
  /** Positions of the columns that make a row's id; empty = the whole row. */
  readonly identity: readonly number[]
  /** Of changes: the rules of the before-columns; null for plain rows. */
  readonly before: readonly TypeRuleName[] | null
  readonly sink: ChangeSink
  readonly signal: AbortSignal
}

/** What hands the present row over; false when the sink asks to wait. */
type HandOver = (lines: RowLines) => boolean

/**
 * Hands the rows of unloaded files to the sink, in the order of the files. Files never change, so a chunk that is read again
 * gives the same rows. Throws `pin_lost` when one is gone: of several files that is looked up before the first row.
 */
export async function readFiles(request: FilesRequest): Promise<ReadResult> {
  const { bucket, path, files, rows, signal } = request
  if (files.length > 1) await checkThere(bucket, path, files, signal)
  const fields = request.rules.length + (request.before === null ? 0 : 2 + request.before.length)
  const lines = new RowLines(fields)
  const handOver = request.before === null ? rowsTo(request) : changesTo(request, request.before)
  let read = 0
  for (const file of files) {
    const object = await bucket.open(path + file, signal)
    if (object === null) throw pinLost()
    read += await readFile(object, lines, handOver, request)
  }
  if (read !== rows) throw malformed('another number of rows than its manifest says')
  return { rows: read }
}

async function readFile(
  object: Readable,
  lines: RowLines,
  handOver: HandOver,
  { sink, signal }: FilesRequest,
): Promise<number> {
  // The SDK's own signal ends with the answer's head; the body is ours to end.
  const plain = object.pipe(createGunzip())
  const end = () => object.destroy(signal.reason as Error)
  signal.addEventListener('abort', end, { once: true })
  object.on('error', (error) => plain.destroy(error))
  let rows = 0
  try {
    for await (const bytes of plain as AsyncIterable<Buffer>) {
      lines.add(bytes)
      while (lines.next()) {
        rows++
        if (handOver(lines)) continue
        await sink.drained()
        signal.throwIfAborted()
      }
      signal.throwIfAborted()
    }
    lines.finish()
    return rows
  } catch (error) {
    signal.throwIfAborted()
    throw awsError(error)
  } finally {
    signal.removeEventListener('abort', end)
    object.destroy()
    plain.destroy()
  }
}

function rowsTo({ rules, identity, sink }: FilesRequest): HandOver {
  const encoder = new RowEncoder(rules, identity)
  return (lines) => {
    encoder.encode(lines, 0)
    encoder.identify(lines, 0)
    const goOn = sink.insert(encoder.rowId, encoder.writer.buffer, 0, encoder.writer.length)
    encoder.shrink()
    return goOn
  }
}

const ops: Readonly<Record<number, ChangeOp>> = { 105: 'insert', 117: 'update', 100: 'delete' }

/** Fields: what happened, the row's checksum, the before-columns, the columns. */
function changesTo({ rules, identity, sink }: FilesRequest, before: readonly TypeRuleName[]): HandOver {
  const row = new RowEncoder(rules, identity)
  const old = new RowEncoder(before, [])
  const columnsAt = 2 + before.length
  return (lines) => {
    const op = ops[lines.buffer[lines.starts[0]!]!]
    if (op === undefined) throw malformed('a change of an unknown kind')
    if (identity.length === 0) row.takeHash(lines, 1)
    else row.identify(lines, columnsAt)
    if (op !== 'insert') old.encode(lines, 2)
    const beforeBytes = op === 'insert' ? null : old.writer.buffer.subarray(0, old.writer.length)
    let goOn: boolean
    if (op === 'delete') goOn = sink.change(op, row.rowId, null, 0, 0, beforeBytes)
    else {
      row.encode(lines, columnsAt)
      goOn = sink.change(op, row.rowId, row.writer.buffer, 0, row.writer.length, beforeBytes)
    }
    row.shrink()
    old.shrink()
    return goOn
  }
}

async function checkThere(bucket: Bucket, path: string, files: readonly string[], signal: AbortSignal): Promise<void> {
  const wanted = new Set(files.map((file) => path + file))
  for await (const paths of bucket.list(path, signal)) for (const each of paths) wanted.delete(each)
  if (wanted.size > 0) throw pinLost()
}
