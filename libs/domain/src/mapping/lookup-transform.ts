import { describeProblem, nulCharacter, textInvalid } from '../json/problem.ts'
import type { RowSchema } from '../row-schema.ts'
import { utf8SequenceSize } from '../text/utf8.ts'
import { AvroWriter } from '../wire/avro-writer.ts'
import type { UpdateBatchBuilder } from '../wire/update-batch.ts'
import { isUsableId } from './id-check.ts'
import { IdColumn } from './id-column.ts'
import type { LookupTableMapping } from './mapping.ts'
import { type PropertyColumn, propertyColumns } from './parts.ts'
import { type RowInput, type RowTransform, reject } from './row-transform.ts'
import { ValueWriter } from './value-writer.ts'

/**
 * A row of a lookup table as one line of CSV (RFC 4180), without the line end, the id first:
 *
 *   line  = field ( ',' field )*
 *   field = plain | '"' ( character | '""' )* '"'      quoted when it holds , " CR LF or begins or ends with a space
 *
 * Values are the texts of `ValueWriter` without JSON's quotes and escapes; strings, json and decimals have their exact
 * text; NULL is an empty field, the empty string a quoted one.
 */
export class LookupTransform implements RowTransform {
  readonly #id: IdColumn
  readonly #schema: RowSchema
  readonly #columns: readonly PropertyColumn[]
  readonly #values = new ValueWriter()
  readonly #scratch = new AvroWriter(64)

  constructor(mapping: LookupTableMapping, schema: RowSchema) {
    this.#id = new IdColumn(schema, mapping.id)
    this.#schema = schema
    this.#columns = propertyColumns(mapping, schema)
  }

  write(row: RowInput, out: UpdateBatchBuilder): void {
    const { fields } = row
    const id = this.#id
    if (!id.load(fields)) {
      reject(row, out, 'id_missing', id.name, 'The id of the row is NULL.')
      return
    }
    if (!isUsableId(id, row, out)) return
    out.begin(row.op, row.ordinal, fields.buffer, row.rowIdStart, id.source, id.start, id.end)
    const { writer } = out
    let problem = writeCsvField(id.source, id.start, id.end, writer)
    let field = id.name
    for (const { index, column } of this.#columns) {
      if (problem < 0) break
      writer.writeRaw(comma, 0, 1)
      const start = fields.starts[index]!
      if (start < 0) continue
      field = column
      problem = this.#writeField(index, fields.buffer, start, fields.ends[index]!, writer)
    }
    if (problem < 0) {
      out.abandon()
      const { code, message } = describeProblem(problem)
      reject(row, out, code, field, message)
    } else out.commit()
  }

  #writeField(index: number, source: Buffer, start: number, end: number, writer: AvroWriter): number {
    const { type } = this.#schema.columns[index]!
    if (type === 'string' || type === 'decimal' || type === 'json') return writeCsvField(source, start, end, writer)
    const scratch = this.#scratch
    scratch.reset()
    const problem = this.#values.write(type, source, start, end, scratch)
    if (problem < 0) return problem
    const quoted = scratch.buffer[0] === 34 ? 1 : 0
    return writeCsvField(scratch.buffer, quoted, scratch.length - quoted, writer)
  }
}

/** The header line that belongs to the lines of this mapping, without the line end. */
export function lookupHeader(mapping: LookupTableMapping, schema: RowSchema): string {
  const id = mapping.rename?.[mapping.id] ?? mapping.id
  return [id, ...propertyColumns(mapping, schema).map((each) => each.property)].map(csvField).join(',')
}

function csvField(text: string): string {
  return text === '' || /[",\r\n]|^ | $/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

const comma = Buffer.from(',')

/** Appends the text at [start, end) as one field; 0, `nulCharacter` or `textInvalid`. */
function writeCsvField(source: Uint8Array, start: number, end: number, writer: AvroWriter): number {
  let quote = end === start || source[start] === 32 || source[end - 1] === 32
  for (let i = start; i < end; ) {
    const byte = source[i]!
    if (byte === 0) return nulCharacter
    if (byte === 34 || byte === 44 || byte === 13 || byte === 10) quote = true
    const size = byte < 0x80 ? 1 : utf8SequenceSize(source, i, end)
    if (size === 0) return textInvalid
    i += size
  }
  if (!quote) {
    writer.writeRaw(source, start, end)
    return 0
  }
  writer.ensure((end - start) * 2 + 2)
  const target = writer.buffer
  let at = writer.length
  target[at++] = 34
  for (let i = start; i < end; i++) {
    const byte = source[i]!
    if (byte === 34) target[at++] = 34
    target[at++] = byte
  }
  target[at++] = 34
  writer.length = at
  return 0
}
