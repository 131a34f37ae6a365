import { jsonInvalid, jsonNotObject } from '../json/problem.ts'
import type { ColumnType, RowSchema } from '../row-schema.ts'
import type { AvroWriter } from '../wire/avro-writer.ts'
import type { Mapping } from './mapping.ts'
import { OwnedNames } from './owned-names.ts'
import { propertyColumns } from './parts.ts'
import type { RowFields } from './row-fields.ts'
import { ValueWriter } from './value-writer.ts'

type Property = { readonly index: number; readonly type: ColumnType; readonly name: string; readonly prefix: Buffer }

/**
 * Writes the properties of one row as the members of a JSON object: `,"name":value` for each column that is not NULL,
 * then the keys of the JSON properties column. A named column owns its name: the same key of the JSON column is
 * skipped, whether the column is NULL or not.
 */
export class PropertyWriter {
  readonly values = new ValueWriter()
  /** Properties written by the last `write`. */
  count = 0
  /** The column of the last problem. */
  field = ''
  readonly #properties: readonly Property[]
  readonly #jsonIndex: number
  readonly #jsonColumn: string
  readonly #owned: OwnedNames

  /** `reserved`: names that stand in the object already. */
  constructor(mapping: Mapping, schema: RowSchema, reserved: readonly string[]) {
    const columns = propertyColumns(mapping, schema)
    this.#properties = columns.map(({ index, property }) => ({
      index,
      type: schema.columns[index]!.type,
      name: schema.columns[index]!.name,
      prefix: Buffer.from(`,${JSON.stringify(property)}:`),
    }))
    const jsonColumn = mapping.tableType === 'lookup_table' ? undefined : mapping.jsonProperties
    this.#jsonColumn = jsonColumn ?? ''
    this.#jsonIndex = schema.columns.findIndex((column) => column.name === jsonColumn)
    this.#owned = new OwnedNames([...reserved, ...columns.map((each) => each.property)])
  }

  /** Appends the members; 0, or a problem below 0 with `field` set. */
  write(row: RowFields, writer: AvroWriter): number {
    const { starts, ends, buffer } = row
    const properties = this.#properties
    let count = 0
    for (let i = 0; i < properties.length; i++) {
      const property = properties[i]!
      const start = starts[property.index]!
      if (start < 0) continue
      writer.writeRaw(property.prefix, 0, property.prefix.length)
      const problem = this.values.write(property.type, buffer, start, ends[property.index]!, writer)
      if (problem < 0) {
        this.field = property.name
        return problem
      }
      count++
    }
    this.count = count
    if (this.#jsonIndex < 0 || starts[this.#jsonIndex]! < 0) return 0
    this.field = this.#jsonColumn
    return this.#writeMembers(buffer, starts[this.#jsonIndex]!, ends[this.#jsonIndex]!, writer)
  }

  /** Appends `,"name"` for each NULL column, from which a list of names to unset is made; returns how many. */
  writeNullNames(row: RowFields, writer: AvroWriter): number {
    let count = 0
    for (const { index, prefix } of this.#properties) {
      if (row.starts[index]! >= 0) continue
      writer.writeRaw(prefix, 0, prefix.length - 1)
      count++
    }
    return count
  }

  /** object = '{' ( key ':' value ( ',' key ':' value )* )? '}', its members appended unless owned. */
  #writeMembers(source: Buffer, start: number, end: number, writer: AvroWriter): number {
    const { scanner } = this.values
    // A member takes no more bytes here than in the source: whitespace goes, and a key's one spelling is its shortest.
    writer.ensure(end - start + 8)
    const target = writer.buffer
    let at = writer.length
    scanner.begin(source, start, end, target)
    const first = scanner.peek()
    if (first !== 123) {
      // Whole text first, so that broken JSON is not called "no object".
      const copied = scanner.copy(source, start, end, target, at)
      return copied < 0 ? copied : jsonNotObject
    }
    scanner.position++
    if (scanner.peek() === 125) scanner.position++
    else {
      for (;;) {
        if (scanner.peek() !== 34) return jsonInvalid
        const memberStart = at
        target[at++] = 44
        const keyStart = at
        at = scanner.string(at)
        if (at < 0) return at
        if (scanner.escaped) at = rewriteKey(target, keyStart, at)
        const owned = this.#owned.has(target, keyStart + 1, at - 1)
        if (scanner.peek() !== 58) return jsonInvalid
        scanner.position++
        target[at++] = 58
        at = scanner.value(at, 2)
        if (at < 0) return at
        if (owned) at = memberStart
        else this.count++
        const next = scanner.peek()
        scanner.position++
        if (next === 125) break
        if (next !== 44) return jsonInvalid
      }
    }
    if (scanner.peek() !== -1) return jsonInvalid
    writer.length = at
    return 0
  }
}

/** Gives an escaped key the one spelling by which names are compared: `"\u0074ime"` becomes `"time"`. */
function rewriteKey(target: Buffer, start: number, end: number): number {
  const key: unknown = JSON.parse(target.toString('utf8', start, end))
  return start + target.write(JSON.stringify(key), start, 'utf8')
}
