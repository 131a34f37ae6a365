import {
  bodyBytesLimit,
  earliestTimeMs,
  eventNameBytesMax,
  futureMs,
  idBytesMax,
  profilePropertiesMax,
} from '@millrace/domain/mapping/limits.ts'
import { isPlaceholderId } from '@millrace/domain/mapping/placeholder-ids.ts'
import { BodySyntaxError } from '../events/body-syntax-error.ts'
import { insertIdBytesMax, type Refusal } from '../events/event-check.ts'
import { type FailedRecord, type ImportBatch, TooManyRecordsError } from '../events/import-batch.ts'
import type { MirrorOptions } from '../events/mirror-batch.ts'
import { FrameBuilder, lineText } from '../log/record-line.ts'

type Values = Readonly<Record<string, unknown>>
type Row = {
  readonly event: string
  readonly id: string
  readonly insertId: string
  readonly importId: string
  readonly timeMs: number
  readonly json: string
}

/**
 * Reads versioned rows of profile history (libs/domain/src/mapping/history-transform.ts) and writes the good ones as one frame of
 * the log. The operations are those of `readMirrorBatch`, with a row in place of the event. Throws BodySyntaxError,
 * TooManyRecordsError.
 */
export function readHistoryBatch(body: Buffer, options: MirrorOptions): ImportBatch {
  const operations = parse(body)
  if (operations.length > options.recordsMax) throw new TooManyRecordsError()
  const frame = new FrameBuilder('h', options.firstSequence, body.length + 4096, options.pool)
  const failed: FailedRecord[] = []
  operations.forEach((operation, index) => {
    if (!isOperation(operation)) throw new BodySyntaxError('no operation with a version', index)
    const [op, generation, runSeq, ordinal, record] = operation
    const isDelete = op === 'delete'
    const row = readRow(record, isDelete, options.nowMs)
    if ('message' in row) {
      if (!isDelete) failed.push({ index, insert_id: textOf((record as Values | null)?.$insert_id), ...row })
      return
    }
    const texts = [lineText(row.event), lineText(row.id), `${row.insertId}/${op}/${generation}/${runSeq}/${ordinal}`]
    texts.push(lineText(row.importId), row.json)
    frame.begin(
      row.timeMs,
      texts.reduce((bytes, text) => bytes + Buffer.byteLength(text), 0),
    )
    for (const text of texts) frame.putText(text)
    frame.end()
  })
  return { records: operations.length, frame, failed }
}

function parse(body: Buffer): readonly unknown[] {
  try {
    const operations: unknown = JSON.parse(body.toString())
    if (Array.isArray(operations)) return operations
  } catch {
    // Answered below, as any other body that is no list.
  }
  throw new BodySyntaxError('expected a list of operations', 0)
}

function isOperation(value: unknown): value is ['upsert' | 'delete', number, number, number, unknown] {
  if (!Array.isArray(value) || value.length !== 5 || (value[0] !== 'upsert' && value[0] !== 'delete')) return false
  return value.slice(1, 4).every((part) => Number.isSafeInteger(part) && part >= 0)
}

function readRow(record: unknown, isDelete: boolean, nowMs: number): Row | Refusal {
  if (typeof record !== 'object' || record === null || Array.isArray(record)) return refuse('', 'must be an object')
  const { $event, $time, $insert_id, $distinct_id, $group_key, $group_id, $set, ...more } = record as Values
  const isGroup = $group_key !== undefined
  const idName = isGroup ? '$group_id' : '$distinct_id'
  const id = isGroup ? $group_id : $distinct_id
  if (!isText($event, eventNameBytesMax))
    return refuse('$event', `must be a text of at most ${eventNameBytesMax} bytes`)
  if (isGroup && !isText($group_key, idBytesMax)) return refuse('$group_key', 'must be the name of a group')
  if (!isText(id, idBytesMax)) return refuse(idName, `must be a text of at most ${idBytesMax} bytes`)
  if (!isGroup && isPlaceholderId(Buffer.from(id), 0, Buffer.byteLength(id)))
    return refuse(idName, 'must not be a placeholder value')
  if (typeof $insert_id !== 'string' || $insert_id.length > insertIdBytesMax || !/^[0-9A-Za-z-]+$/.test($insert_id))
    return refuse('$insert_id', `must have 1 to ${insertIdBytesMax} letters, digits or hyphens`)
  if (typeof $time !== 'number' || !Number.isSafeInteger($time))
    return refuse('$time', 'must be milliseconds since epoch')
  if ($time < earliestTimeMs) return refuse('$time', 'must not be before 1971-01-01')
  const row = { event: $event, id, insertId: $insert_id, importId: textOf(more.$warehouse_import_id), timeMs: $time }
  if (isDelete) return { ...row, json: '{}' }
  if ($time > nowMs + futureMs) return refuse('$time', 'must not be more than 1 hour in the future')
  const json = JSON.stringify({ group_key: isGroup ? $group_key : '', set: $set })
  return refuseProperties($set, json) ?? { ...row, json }
}

function refuseProperties(properties: unknown, json: string): Refusal | null {
  if (typeof properties !== 'object' || properties === null || Array.isArray(properties))
    return refuse('$set', 'must be an object')
  const entries = Object.entries(properties)
  if (entries.length > profilePropertiesMax)
    return refuse('$set', `must have at most ${profilePropertiesMax} properties`)
  const nested = entries.find(([, value]) => typeof value === 'object' && value !== null)
  if (nested !== undefined) return refuse(`$set.${nested[0]}`, 'history has no lists and no objects')
  if (Buffer.byteLength(json) >= bodyBytesLimit)
    return refuse('', `must be smaller than ${bodyBytesLimit} bytes of JSON`)
  const isBad = (part: unknown) => typeof part === 'string' && (part.includes('\0') || !part.isWellFormed())
  const found = entries.find((entry) => entry.some(isBad))
  return found ? refuse('$set', 'must not have NUL characters or halves of surrogate pairs') : null
}

function isText(value: unknown, bytesMax: number): value is string {
  if (typeof value !== 'string' || value === '' || Buffer.byteLength(value) > bytesMax) return false
  return value.isWellFormed() && !value.includes('\0')
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, 255) : ''
}

function refuse(field: string, message: string): Refusal {
  return { field, message: `'${field}' is invalid: ${message}` }
}
