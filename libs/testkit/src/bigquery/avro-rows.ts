import { AvroWriter } from '@millrace/domain/wire/avro-writer.ts'
import type { Field } from './rest-values.ts'

/** https://cloud.google.com/bigquery/docs/reference/storage#avro_schema_details, as far as tables of flat values need it. */
const avroTypes: Readonly<Record<string, string>> = {
  BOOLEAN: 'boolean',
  INTEGER: 'long',
  FLOAT: 'double',
  STRING: 'string',
  BYTES: 'bytes',
}

/** The Avro schema of a read session; null when a column has a type that the stand-in does not hand out. */
export function avroSchemaOf(fields: readonly Field[]): string | null {
  const described: { name: string; type: unknown }[] = []
  for (const { name, type, mode } of fields) {
    const known = avroTypes[type]
    if (known === undefined || mode === 'REPEATED') return null
    described.push({ name, type: mode === 'REQUIRED' ? known : ['null', known] })
  }
  return JSON.stringify({ type: 'record', name: '__root__', fields: described })
}

/** Rows of DuckDB as Avro binary, one behind the other. */
export function avroRows(rows: readonly (readonly unknown[])[], fields: readonly Field[]): Buffer {
  const writer = new AvroWriter()
  for (const row of rows) {
    for (let i = 0; i < fields.length; i++) writeValue(writer, row[i], fields[i]!)
  }
  return writer.take()
}

function writeValue(writer: AvroWriter, value: unknown, { type, mode }: Field): void {
  if (mode !== 'REQUIRED') {
    if (value === null || value === undefined) {
      writer.writeNull()
      return
    }
    writer.writeSome()
  }
  switch (type) {
    case 'BOOLEAN':
      writer.writeBoolean(value === true)
      return
    case 'INTEGER':
      writer.writeLong(value as number | bigint)
      return
    case 'FLOAT':
      writer.writeDouble(value as number)
      return
    case 'BYTES': {
      const bytes = value as Uint8Array
      writer.writeBytes(bytes, 0, bytes.length)
      return
    }
    default:
      writer.writeString(String(value))
  }
}
