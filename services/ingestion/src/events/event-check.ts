import { nestedDepthMax, nestedEntriesMax } from '@millrace/domain/json/problem.ts'
import {
  bodyBytesLimit,
  earliestTimeMs,
  eventNameBytesMax,
  eventPropertiesMax,
  futureMs,
  idBytesMax,
} from '@millrace/domain/mapping/limits.ts'
import { isPlaceholderId } from '@millrace/domain/mapping/placeholder-ids.ts'
import type { EventScanner } from './event-scanner.ts'
import { absent, type FieldSpan, number, text } from './field-span.ts'

export type Refusal = { readonly field: string; readonly message: string }

/** Longest `$insert_id`, in bytes. https://docs.mixpanel.com/reference/import-events */
export const insertIdBytesMax = 36

const refuse = (field: string, message: string): Refusal => ({ field, message: `'${field}' is invalid: ${message}` })

const notObject = refuse('', 'must be a JSON object')
const nameMissing = refuse('event', 'must be a string that is not empty')
const nameTooLong = refuse('event', `must have at most ${eventNameBytesMax} bytes`)
const propertiesMissing = refuse('properties', 'must be an object')
const tooManyProperties = refuse('properties', `must have at most ${eventPropertiesMax} properties`)
const tooDeep = refuse('properties', `must not be nested more than ${nestedDepthMax} levels deep`)
const tooWide = refuse('properties', `objects and lists in it must have at most ${nestedEntriesMax} entries`)
const tooLarge = refuse('', `must be smaller than ${bodyBytesLimit} bytes of JSON`)
const timeMissing = refuse('properties.time', 'must be specified as seconds or milliseconds since epoch')
const timeTooEarly = refuse('properties.time', 'must not be before 1971-01-01')
const timeInFuture = refuse('properties.time', 'must not be more than 1 hour in the future')
const idMissing = refuse('properties.distinct_id', 'must be a string; empty for an event of nobody')
const idPlaceholder = refuse('properties.distinct_id', 'must not be a placeholder value')
const idTooLong = refuse('properties.distinct_id', `must have at most ${idBytesMax} bytes`)
const insertIdMissing = refuse('properties.$insert_id', 'must be specified')
const insertIdInvalid = refuse(
  'properties.$insert_id',
  `must have 1 to ${insertIdBytesMax} letters, digits or hyphens and must not be a placeholder value`,
)

/**
 * Why the destination does not take the event just scanned, null when it does. The rules of
 * https://docs.mixpanel.com/reference/import-events with the limits of the domain. `strict` false asks only for what
 * storing needs: a name, properties, a time within the bounds; an id or insert id that is missing is made up.
 */
export function eventRefusal(
  scanner: EventScanner,
  source: Uint8Array,
  timeMs: number,
  bytes: number,
  nowMs: number,
  strict: boolean,
): Refusal | null {
  if (!scanner.isObject) return notObject
  const { event, distinctId, insertId } = scanner
  if (event.kind !== text || event.start === event.end) return nameMissing
  if (event.end - event.start > eventNameBytesMax) return nameTooLong
  if (scanner.propertiesKind !== text) return propertiesMissing
  if (bytes >= bodyBytesLimit) return tooLarge
  if (scanner.tooDeep) return tooDeep
  if (Number.isNaN(timeMs)) return timeMissing
  if (timeMs < earliestTimeMs) return timeTooEarly
  if (timeMs > nowMs + futureMs) return timeInFuture
  if (!strict) return null
  if (scanner.propertyCount > eventPropertiesMax) return tooManyProperties
  if (scanner.tooWide) return tooWide
  if (distinctId.kind !== text && distinctId.kind !== number) return idMissing
  if (distinctId.end > distinctId.start && isPlaceholderId(source, distinctId.start, distinctId.end))
    return idPlaceholder
  if (distinctId.end - distinctId.start > idBytesMax) return idTooLong
  if (insertId.kind === absent) return insertIdMissing
  return isInsertId(insertId, source) ? null : insertIdInvalid
}

export function isInsertId(span: FieldSpan, source: Uint8Array): boolean {
  const { start, end } = span
  if (span.kind !== text && span.kind !== number) return false
  if (end === start || end - start > insertIdBytesMax) return false
  for (let i = start; i < end; i++) {
    const byte = source[i]!
    const lower = byte | 32
    if (!((byte >= 48 && byte <= 57) || (lower >= 97 && lower <= 122) || byte === 45)) return false
  }
  return !isPlaceholderId(source, start, end)
}

/**
 * The time in milliseconds, NaN when it is none. A number that would lie before 1971 if it were milliseconds is seconds:
 * 31,536,000,000 seconds are the year 2969.
 */
export function eventTimeMs(span: FieldSpan, source: Buffer): number {
  if (span.kind !== number) return Number.NaN
  let value = 0
  for (let i = span.start; i < span.end; i++) {
    const byte = source[i]!
    if (byte < 48 || byte > 57) {
      value = Number(source.toString('latin1', span.start, span.end))
      break
    }
    value = value * 10 + byte - 48
  }
  if (!(Math.abs(value) < 1e15)) return Number.NaN
  return Math.floor(value < earliestTimeMs ? value * 1000 : value)
}
