import { AvroReader } from '@millrace/domain/wire/avro-reader.ts'
import type { ChangeSink } from '../change-sink.ts'
import type { ReadPlan, ReadResult } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'
import type { StreamChunk } from './chunks.ts'
import { ApiRefusal, bigQueryError } from './errors.ts'
import { type BigQueryPin, pinOf } from './pin.ts'
import { pinLost } from './read-pages.ts'
import type { Place } from './set-aside.ts'
import type { StorageClient } from './storage-client.ts'
import { decodes, typeRules } from './types.ts'

/** Fewer rows are read sooner by pages than a session is opened. */
const rowsMin = 10_000
/** The service gives no more. */
const streamsMax = 1000
/** Attempts in a row that bring nothing. */
const attemptsMax = 4

/**
 * The plan with the streams of a session as its chunks, or as it is where pages are to be read: few rows, no such API, no
 * permission. A session stands on one moment of the table, its streams have each row once and always in one order, and they are
 * read by their names from any process until the session expires, after 6 h.
 */
export async function withStreams(
  place: Place,
  plan: ReadPlan,
  chunkRows: number,
  signal: AbortSignal,
): Promise<ReadPlan> {
  const { storage } = place
  const pin = pinOf(plan)
  if (storage === null || storage.isRefused || pin.results === null || pin.rows < rowsMin) return plan
  const wanted = Math.min(streamsMax, Math.ceil(pin.rows / chunkRows))
  const session = await openSession(storage, { place, results: pin.results, wanted }, signal)
  if (session === null || session.streams.length === 0 || !isOurs(session.avroSchema, pin)) return plan
  const chunks = session.streams.map((stream): StreamChunk => ({ stream }))
  return { ...plan, chunks, pin: { ...pin, session: session.name } }
}

type ToOpen = { readonly place: Place; readonly results: string; readonly wanted: number }

async function openSession(storage: StorageClient, { place, results, wanted }: ToOpen, signal: AbortSignal) {
  const asked = { dataset: place.stagingDataset, table: results, streamsMax: wanted }
  try {
    return await storage.openSession(asked, signal)
  } catch (error) {
    const status = error instanceof ApiRefusal ? error.status : 0
    // Pages need no other permission than the rest of a run.
    storage.isRefused = status === 403 || status === 501
    if (storage.isRefused || status === 503 || status === 504) return null
    if (status === 404) throw pinLost(error)
    throw bigQueryError(error)
  }
}

/** The bytes of a row are those of our Row when each column is a union of null and what our column is. */
function isOurs(avroSchema: string, { rules, mirror }: BigQueryPin): boolean {
  const { fields = [] } = JSON.parse(avroSchema) as { fields?: readonly { type: unknown }[] }
  const row = rules.map((rule) => avroTypes[typeRules[rule].decode])
  const before = mirror?.beforeRules.map((rule) => avroTypes[typeRules[rule].decode]) ?? []
  const expected = mirror === undefined ? row : ['string', 'bytes', ...row, ...before]
  return (
    fields.length === expected.length &&
    fields.every(({ type }, i) => JSON.stringify(plain(type)) === JSON.stringify(['null', expected[i]]))
  )
}

/** Without what it is called beside its type: `{"type": "string", "sqlType": "JSON"}`. */
function plain(type: unknown): unknown {
  if (Array.isArray(type)) return type.map(plain)
  return typeof type === 'object' && type !== null && 'type' in type ? type.type : type
}

const avroTypes: Readonly<Record<number, string>> = {
  [decodes.boolean]: 'boolean',
  [decodes.integer]: 'long',
  [decodes.timestamp]: 'long',
  [decodes.date]: 'long',
  [decodes.double]: 'double',
  [decodes.text]: 'string',
  [decodes.bytes]: 'bytes',
}

export type StreamRequest = {
  readonly stream: string
  /** Rows of the stream when it is the only one; else null. */
  readonly rowsExpected: number | null
  /** Hands the row at the reader to the sink and leaves the reader behind it; false = the sink asks to wait. */
  readonly take: (reader: AvroReader) => boolean
  readonly sink: ChangeSink
  readonly signal: AbortSignal
}

/**
 * Hands the rows of a stream to the sink, each once: a connection that breaks is made anew at the next row. Throws `pin_lost`
 * when the session is gone.
 */
export async function readStream(storage: StorageClient, request: StreamRequest): Promise<ReadResult> {
  let rows = 0
  for (let attempt = 1; ; attempt++) {
    const before = rows
    try {
      for await (const block of storage.blocks(request.stream, rows, request.signal)) {
        await handOver(block.bytes, block.rows, request)
        rows += block.rows
      }
      break
    } catch (error) {
      request.signal.throwIfAborted()
      const status = error instanceof ApiRefusal ? error.status : 0
      if (status === 404 || (status === 412 && /expired/i.test((error as Error).message))) throw pinLost(error)
      if (rows > before) attempt = 0
      if (status < 500 || attempt >= attemptsMax) throw bigQueryError(error)
    }
  }
  if (request.rowsExpected !== null && rows !== request.rowsExpected) throw otherRows()
  return { rows }
}

async function handOver(bytes: Buffer, rows: number, { take, sink, signal }: StreamRequest): Promise<void> {
  const reader = new AvroReader(bytes)
  for (let i = 0; i < rows; i++) {
    if (take(reader)) continue
    await sink.drained()
    signal.throwIfAborted()
  }
  if (reader.offset !== bytes.length) throw otherRows()
}

function otherRows(): WarehouseError {
  return new WarehouseError(
    'protocol_error',
    'BigQuery gave another number of rows than it said.',
    'It is tried again; if it happens again, report it with the log of the extractor.',
  )
}
