import { isUtf8 } from 'node:buffer'
import { createHash } from 'node:crypto'
import type { BufferPool } from '../log/buffer-pool.ts'
import { FrameBuilder } from '../log/record-line.ts'
import { BodySyntaxError } from './body-syntax-error.ts'
import { eventRefusal, eventTimeMs, insertIdBytesMax, isInsertId } from './event-check.ts'
import { EventScanner } from './event-scanner.ts'
import { type FieldSpan, number, text } from './field-span.ts'

export type FailedRecord = {
  readonly index: number
  readonly insert_id: string
  readonly field: string
  readonly message: string
}

export type ImportBatch = {
  /** Records in the body, refused ones included. */
  readonly records: number
  readonly frame: FrameBuilder
  readonly failed: readonly FailedRecord[]
}

export type ImportOptions = {
  readonly nowMs: number
  readonly strict: boolean
  readonly recordsMax: number
  readonly firstSequence: number
  readonly pool: BufferPool
}

/** The body has more records than a request may have. */
export class TooManyRecordsError extends Error {}

const scanner = new EventScanner()
const nothing = Buffer.alloc(0)

/**
 * Reads a body (a JSON array of events, events one after the other as in NDJSON, or one event) and writes the good
 * ones as one frame of the log. Throws BodySyntaxError, TooManyRecordsError; a bad event is in `failed`.
 */
export function readImportBatch(body: Buffer, options: ImportOptions): ImportBatch {
  const frame = new FrameBuilder('e', options.firstSequence, Math.ceil(body.length * 1.3) + 4096, options.pool)
  const failed: FailedRecord[] = []
  const clean = isUtf8(body)
  scanner.open(body, 0)
  const first = scanner.peek()
  const isList = first === 91
  if (isList) scanner.position++
  let records = 0
  for (;;) {
    const next = scanner.peek()
    if (isList ? next === 93 && records === 0 : next === -1) break
    const start = scanner.position
    scanner.record()
    if (records >= options.recordsMax) throw new TooManyRecordsError()
    takeRecord(body, start, clean, records++, options, frame, failed)
    if (!isList) continue
    const after = scanner.peek()
    if (after === 93) break
    if (after !== 44) throw new BodySyntaxError('neither a comma nor the end of the list', scanner.position)
    scanner.position++
  }
  if (isList) {
    scanner.position++
    if (scanner.peek() !== -1) throw new BodySyntaxError('more after the list', scanner.position)
  }
  return { records, frame, failed }
}

function takeRecord(
  body: Buffer,
  start: number,
  clean: boolean,
  index: number,
  { nowMs, strict }: ImportOptions,
  frame: FrameBuilder,
  failed: FailedRecord[],
): void {
  const end = scanner.position
  const timeMs = eventTimeMs(scanner.time, body)
  const refusal = clean || isUtf8(body.subarray(start, end)) ? null : notUtf8
  const found = refusal ?? eventRefusal(scanner, body, timeMs, end - start, nowMs, strict)
  if (found !== null) {
    failed.push({ index, insert_id: spanText(scanner.insertId, body), ...found })
    return
  }
  const { event, distinctId, insertId, importId, propertiesStart, propertiesEnd } = scanner
  if (event.escaped || distinctId.escaped || importId.escaped) {
    const field = unusableText(scanner, body)
    if (field !== null) {
      failed.push({ index, insert_id: spanText(insertId, body), ...field })
      return
    }
  }
  const ownInsertId = isInsertId(insertId, body)
  frame.begin(timeMs, 2 * (end - start) + 128)
  frame.put(body, event.start, event.end)
  putOptional(distinctId, body, frame)
  if (ownInsertId) frame.put(body, insertId.start, insertId.end)
  else frame.putText(madeUpInsertId(body.subarray(start, end)))
  putOptional(importId, body, frame)
  const columnStart = frame.length + 1
  if (ownInsertId) frame.put(body, propertiesStart, propertiesEnd)
  else frame.put(...withInsertId(body.subarray(propertiesStart, propertiesEnd), body.subarray(start, end)))
  if (scanner.broken) frame.flattenLast(columnStart)
  frame.end()
}

/** The properties with the id that was made up, last, so that it counts. */
function withInsertId(properties: Buffer, record: Buffer): [Buffer, number, number] {
  const comma = scanner.propertyCount === 0 ? '' : ','
  const added = Buffer.from(`${comma}"$insert_id":"${madeUpInsertId(record)}"}`)
  const whole = Buffer.concat([properties.subarray(0, -1), added])
  return [whole, 0, whole.length]
}

const notUtf8 = { field: 'properties', message: "'properties' is invalid: string should be valid utf8" }

/** The same event sent again gets the same id, so that a request without ids can be repeated as well. */
function madeUpInsertId(record: Buffer): string {
  return createHash('sha256').update(record).digest('hex').slice(0, insertIdBytesMax)
}

export function putOptional(span: FieldSpan, body: Buffer, frame: FrameBuilder): void {
  if (span.kind === text || span.kind === number) frame.put(body, span.start, span.end)
  else frame.put(nothing, 0, 0)
}

/** The first of the texts that become columns of their own which no column can hold. */
export function unusableText(scanner: EventScanner, body: Buffer): { field: string; message: string } | null {
  for (const [field, span] of [
    ['event', scanner.event],
    ['properties.distinct_id', scanner.distinctId],
    ['properties.$warehouse_import_id', scanner.importId],
  ] as const) {
    if (span.kind !== text || !span.escaped) continue
    const value: string = JSON.parse(`"${body.toString('utf8', span.start, span.end)}"`)
    if (!value.isWellFormed() || value.includes('\0'))
      return { field, message: `'${field}' is invalid: must not have NUL characters or halves of surrogate pairs` }
  }
  return null
}

export function spanText(span: FieldSpan, body: Buffer): string {
  return span.kind === text || span.kind === number
    ? body.toString('utf8', span.start, Math.min(span.end, span.start + 255))
    : ''
}
