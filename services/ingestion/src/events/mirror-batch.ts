import { isUtf8 } from 'node:buffer'
import type { BufferPool } from '../log/buffer-pool.ts'
import { FrameBuilder } from '../log/record-line.ts'
import { BodySyntaxError } from './body-syntax-error.ts'
import { eventRefusal, eventTimeMs, type Refusal } from './event-check.ts'
import { EventScanner } from './event-scanner.ts'
import {
  type FailedRecord,
  type ImportBatch,
  putOptional,
  spanText,
  TooManyRecordsError,
  unusableText,
} from './import-batch.ts'

export type MirrorOptions = {
  readonly nowMs: number
  readonly recordsMax: number
  readonly firstSequence: number
  readonly pool: BufferPool
}

const scanner = new EventScanner()
const operationPattern = /\[\s*"(upsert|delete)"\s*,\s*(\d{1,15})\s*,\s*(\d{1,15})\s*,\s*(\d{1,15})\s*,/y
const headBytesMax = 256
const notUtf8: Refusal = { field: '', message: 'the record is no valid UTF-8' }

/**
 * Reads versioned operations and writes the good ones as one frame of the log:
 *
 *   body      = '[' ( operation ( ',' operation )* )? ']'
 *   operation = '[' ( '"upsert"' | '"delete"' ) ',' generation ',' run_seq ',' ordinal ',' event ']'
 *
 * The event of an upsert follows the rules of strict import. That of a delete names what goes: event, time, distinct_id and
 * $insert_id; one that no import would have taken is nothing to delete, and no failure. Throws BodySyntaxError,
 * TooManyRecordsError.
 */
export function readMirrorBatch(body: Buffer, options: MirrorOptions): ImportBatch {
  const frame = new FrameBuilder('v', options.firstSequence, Math.ceil(body.length * 1.3) + 4096, options.pool)
  const failed: FailedRecord[] = []
  let records = 0
  scanner.open(body, 0)
  expect(91, 'a list of operations')
  while (scanner.peek() !== 93) {
    if (records > 0) expect(44, 'a comma')
    if (records >= options.recordsMax) throw new TooManyRecordsError()
    const version = readHead(body)
    scanner.peek()
    const start = scanner.position
    scanner.record()
    const refusal = takeOperation(body, start, version, options.nowMs, frame)
    if (refusal !== null) failed.push({ index: records, insert_id: spanText(scanner.insertId, body), ...refusal })
    records++
    expect(93, 'the end of an operation')
  }
  scanner.position++
  if (scanner.peek() !== -1) throw new BodySyntaxError('more after the list', scanner.position)
  return { records, frame, failed }
}

/** The operation up to its event, as the log has it: `upsert/1/2/3`. */
function readHead(body: Buffer): string {
  scanner.peek()
  const text = body.toString('latin1', scanner.position, scanner.position + headBytesMax)
  operationPattern.lastIndex = 0
  const match = operationPattern.exec(text)
  if (match === null) throw new BodySyntaxError('no operation with a version', scanner.position)
  scanner.position += match[0].length
  return match.slice(1).join('/')
}

/** Why the operation failed; null when it was taken. */
function takeOperation(
  body: Buffer,
  start: number,
  version: string,
  nowMs: number,
  frame: FrameBuilder,
): Refusal | null {
  const end = scanner.position
  const isDelete = version.startsWith('delete')
  const { event, distinctId, insertId, importId, propertiesStart, propertiesEnd } = scanner
  const timeMs = eventTimeMs(scanner.time, body)
  const refusal =
    (isUtf8(body.subarray(start, end)) ? null : notUtf8) ??
    eventRefusal(scanner, body, timeMs, end - start, isDelete ? Number.POSITIVE_INFINITY : nowMs, true) ??
    unusableText(scanner, body)
  if (refusal !== null) return isDelete ? null : refusal
  frame.begin(timeMs, 2 * (end - start) + 128)
  frame.put(body, event.start, event.end)
  putOptional(distinctId, body, frame)
  frame.putText(`${body.toString('latin1', insertId.start, insertId.end)}/${version}`)
  putOptional(importId, body, frame)
  const columnStart = frame.length + 1
  frame.put(body, propertiesStart, propertiesEnd)
  if (scanner.broken) frame.flattenLast(columnStart)
  frame.end()
  return null
}

function expect(byte: number, what: string): void {
  if (scanner.peek() !== byte) throw new BodySyntaxError(`expected ${what}`, scanner.position)
  scanner.position++
}
