import type { Column, RowSchema } from '@millrace/domain/row-schema.ts'
import { timeTextMax, writeDate, writeTimestamp } from '@millrace/domain/text/time-text.ts'
import { AvroReader } from '@millrace/domain/wire/avro-reader.ts'
import { exactJson } from './exact-json.ts'

/** The Row at [start, end) of `buffer` as JSON for people: integers beyond 2^53 and decimals keep all their digits. */
export function decodeRow(schema: RowSchema, buffer: Buffer, start: number, end: number): Record<string, unknown> {
  const reader = new AvroReader(buffer, start, end)
  const cells = schema.columns.map((column): [string, unknown] => [
    column.name,
    reader.readSome() ? decodeValue(column, reader) : null,
  ])
  // fromEntries defines properties, so `__proto__` is a name like any other.
  return Object.fromEntries(cells)
}

function decodeValue({ type }: Column, reader: AvroReader): unknown {
  switch (type) {
    case 'boolean':
      return reader.readBoolean()
    case 'integer': {
      const value = reader.readLong()
      return typeof value === 'bigint' ? value.toString() : value
    }
    case 'double': {
      const value = reader.readDouble()
      return Number.isFinite(value) ? value : String(value)
    }
    case 'timestamp':
      reader.readLongHalves()
      return timeText((target) => writeTimestamp(target, 0, reader.hi, reader.lo))
    case 'date': {
      const days = reader.readInt()
      return timeText((target) => writeDate(target, 0, days))
    }
    case 'bytes':
      reader.readBytes()
      return reader.buffer.toString('base64', reader.start, reader.stop)
    case 'json':
      return jsonOrText(reader.readString())
    case 'decimal':
    case 'string':
      return reader.readString()
  }
}

function timeText(write: (target: Buffer) => number): string {
  const target = Buffer.alloc(timeTextMax)
  return target.toString('latin1', 0, write(target))
}

function jsonOrText(text: string): unknown {
  try {
    return exactJson(text)
  } catch {
    return text // invalid JSON is shown as it is; the mapping says what becomes of it
  }
}
