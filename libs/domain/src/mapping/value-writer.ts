import { jsonDecimalMax, writeJsonDecimal } from '../json/decimal-writer.ts'
import { jsonStringMax, writeJsonString } from '../json/string-writer.ts'
import { JsonScanner } from '../json/value-scanner.ts'
import type { ColumnType } from '../row-schema.ts'
import { base64Length, writeBase64 } from '../text/base64-text.ts'
import { doubleTextMax, writeDouble } from '../text/double-text.ts'
import { integerTextMax, writeInt64 } from '../text/integer-text.ts'
import { timeTextMax, writeDate, writeTimestamp } from '../text/time-text.ts'
import { AvroReader } from '../wire/avro-reader.ts'
import type { AvroWriter } from '../wire/avro-writer.ts'

/**
 * Writes the content of one column as JSON, from Avro bytes to JSON bytes.
 *
 * | column    | JSON                                                                                        |
 * | --------- | ------------------------------------------------------------------------------------------- |
 * | boolean   | true, false                                                                                 |
 * | integer   | number within ±(2^53 - 1), beyond it a string with the exact digits                         |
 * | double    | number, shortest text that reads back the same; -0 is 0; "NaN", "Infinity", "-Infinity"     |
 * | decimal   | number when at most 15 significant digits (any reader gets the exact value), else a string  |
 * |           | with the exact text; NaN and infinities are strings                                         |
 * | string    | string; NUL and malformed UTF-8 are problems                                                |
 * | json      | the value itself, checked, without whitespace, numbers and strings with their exact text    |
 * | bytes     | base64 string, with padding                                                                 |
 * | timestamp | "YYYY-MM-DDTHH:MM:SS[.ffffff]Z"; other years "±YYYYYY-…"; "infinity", "-infinity"           |
 * | date      | "YYYY-MM-DD"; other years and infinities likewise                                           |
 *
 * NULL is never written: the property is left out.
 */
export class ValueWriter {
  readonly scanner = new JsonScanner()
  readonly #reader = new AvroReader(Buffer.alloc(0))

  /** Appends the content at [start, end) of `source`; returns a position (no meaning) or a problem below 0. */
  write(type: ColumnType, source: Buffer, start: number, end: number, writer: AvroWriter): number {
    const size = end - start
    switch (type) {
      case 'string':
        writer.ensure(jsonStringMax(size))
        return advance(writer, writeJsonString(source, start, end, writer.buffer, writer.length))
      case 'integer':
        writer.ensure(integerTextMax + 2)
        return advance(writer, this.#integer(source, start, end, writer.buffer, writer.length))
      case 'timestamp': {
        writer.ensure(timeTextMax + 2)
        const reader = this.#long(source, start, end)
        const { buffer } = writer
        buffer[writer.length] = 34
        const at = writeTimestamp(buffer, writer.length + 1, reader.hi, reader.lo)
        buffer[at] = 34
        return advance(writer, at + 1)
      }
      case 'date': {
        writer.ensure(timeTextMax + 2)
        const reader = this.#long(source, start, end)
        const { buffer } = writer
        buffer[writer.length] = 34
        const at = writeDate(buffer, writer.length + 1, reader.lo | 0)
        buffer[at] = 34
        return advance(writer, at + 1)
      }
      case 'boolean': {
        const word = source[start] === 1 ? trueWord : falseWord
        writer.writeRaw(word, 0, word.length)
        return 0
      }
      case 'double':
        writer.ensure(doubleTextMax + 2)
        return advance(writer, writeJsonDouble(source.readDoubleLE(start), writer.buffer, writer.length))
      case 'decimal':
        writer.ensure(jsonDecimalMax(size))
        return advance(writer, writeJsonDecimal(source, start, end, writer.buffer, writer.length))
      case 'json':
        writer.ensure(size)
        return advance(writer, this.scanner.copy(source, start, end, writer.buffer, writer.length))
      case 'bytes': {
        writer.ensure(base64Length(size) + 2)
        const { buffer } = writer
        buffer[writer.length] = 34
        const at = writeBase64(source, start, end, buffer, writer.length + 1)
        buffer[at] = 34
        return advance(writer, at + 1)
      }
    }
  }

  /** The halves of the long at [start, end) of `source`. */
  #long(source: Buffer, start: number, end: number): AvroReader {
    const reader = this.#reader
    reader.open(source, start, end)
    reader.readLongHalves()
    return reader
  }

  #integer(source: Buffer, start: number, end: number, target: Buffer, at: number): number {
    const { hi, lo } = this.#long(source, start, end)
    // Safe integers have -2^21 <= hi < 2^21, except -2^53 itself.
    if (hi >= -0x200000 && hi < 0x200000 && !(hi === -0x200000 && lo === 0)) return writeInt64(target, at, hi, lo)
    target[at] = 34
    at = writeInt64(target, at + 1, hi, lo)
    target[at] = 34
    return at + 1
  }
}

const trueWord = Buffer.from('true')
const falseWord = Buffer.from('false')

function advance(writer: AvroWriter, at: number): number {
  if (at >= 0) writer.length = at
  return at
}

function writeJsonDouble(value: number, target: Buffer, at: number): number {
  if (value === 0) {
    target[at] = 48
    return at + 1
  }
  if (Number.isFinite(value)) return writeDouble(target, at, value)
  target[at] = 34
  at = writeDouble(target, at + 1, value)
  target[at] = 34
  return at + 1
}
