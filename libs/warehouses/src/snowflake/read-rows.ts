import type { ChangeOp } from '@millrace/domain/words.ts'
import type { ChangeSink } from '../change-sink.ts'
import type { ReadResult } from '../warehouse.ts'
import { notUnderstood, type SnowflakeClient } from './client.ts'
import { pinLost } from './pin-lost.ts'
import type { SnowflakeChunk, SnowflakePin } from './plan-parts.ts'
import { RowEncoder, type SdkRow } from './row-encoder.ts'
import { queryTag } from './staging.ts'
import { readStatement } from './statements.ts'

export type RowsRequest = {
  readonly pin: SnowflakePin
  readonly chunk: SnowflakeChunk
  /** Positions of the columns that make a row's id; empty = the whole row, of changes Snowflake's id of it. */
  readonly identity: readonly number[]
  readonly sink: ChangeSink
  readonly signal: AbortSignal
}

/** Hands a row over; false when the sink asks to wait. */
type HandOver = (row: SdkRow) => boolean

/**
 * Hands a range of a run's rows to the sink, in their order. Nobody writes to the table, so a chunk that is read again gives the
 * same rows. Throws `pin_lost` when the table is gone, before the first row.
 */
export async function readRows(client: SnowflakeClient, request: RowsRequest): Promise<ReadResult> {
  const { pin, chunk, sink, signal } = request
  const { database, connectorSchema: schema } = client.options
  const columns = [
    ...(pin.before === null ? [] : changeColumns(pin.before.length)),
    ...pin.rules.map((_, i) => `c${i}`),
  ]
  const sql = readStatement(database, { schema, name: pin.results }, columns, chunk)
  const handOver = pin.before === null ? rowsTo(request) : changesTo(request, pin.before)
  const stream = await client.stream(sql, signal, queryTag(pin.runId)).catch((error: unknown) => {
    throw (error as { code?: string }).code === 'table_not_found' ? pinLost(error) : error
  })
  const end = () => stream.destroy(signal.reason as Error)
  signal.addEventListener('abort', end, { once: true })
  let rows = 0
  try {
    for await (const row of stream as AsyncIterable<SdkRow>) {
      rows++
      if (handOver(row)) continue
      await sink.drained()
      signal.throwIfAborted()
    }
  } catch (error) {
    signal.throwIfAborted()
    throw client.failure(error)
  } finally {
    signal.removeEventListener('abort', end)
    stream.destroy()
  }
  if (rows !== chunk.to - chunk.from + 1) throw notUnderstood('another number of rows than were set aside')
  return { rows }
}

function changeColumns(before: number): readonly string[] {
  return ['op', 'id', ...Array.from({ length: before }, (_, i) => `b${i}`)]
}

function rowsTo({ pin: { rules }, identity, sink }: RowsRequest): HandOver {
  const encoder = new RowEncoder(rules, identity, 0)
  return (row) => {
    encoder.encode(row)
    encoder.identify(row)
    const goOn = sink.insert(encoder.rowId, encoder.writer.buffer, 0, encoder.writer.length)
    encoder.shrink()
    return goOn
  }
}

const ops: Readonly<Record<string, ChangeOp>> = { i: 'insert', u: 'update', d: 'delete' }

/** Columns: what happened, Snowflake's id of the row, the before-columns, the columns. */
function changesTo(
  { pin: { rules }, identity, sink }: RowsRequest,
  before: NonNullable<SnowflakePin['before']>,
): HandOver {
  const columnsAt = 2 + before.length
  const now = new RowEncoder(rules, identity, columnsAt)
  const old = new RowEncoder(before, [], 2)
  return (row) => {
    const op = ops[row[0] ?? '']
    const id = row[1]
    if (op === undefined || typeof id !== 'string') throw notUnderstood('a change of an unknown kind')
    if (identity.length === 0) now.identifyBy(id)
    else now.identify(row)
    if (op !== 'insert') old.encode(row)
    const beforeBytes = op === 'insert' ? null : old.writer.buffer.subarray(0, old.writer.length)
    let goOn: boolean
    if (op === 'delete') goOn = sink.change(op, now.rowId, null, 0, 0, beforeBytes)
    else {
      now.encode(row)
      goOn = sink.change(op, now.rowId, now.writer.buffer, 0, now.writer.length, beforeBytes)
    }
    now.shrink()
    old.shrink()
    return goOn
  }
}
