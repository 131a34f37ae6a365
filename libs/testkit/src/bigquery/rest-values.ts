import type { DuckDBType } from '@duckdb/node-api'

/** A field of a schema as the API gives it. */
export type Field = {
  readonly name: string
  readonly type: string
  readonly mode?: 'NULLABLE' | 'REQUIRED' | 'REPEATED'
  readonly fields?: readonly Field[]
}

/** Parts of DuckDB's type objects that nested types have. */
type Nested = {
  readonly valueType?: DuckDBType
  readonly entryNames?: readonly string[]
  readonly entryTypes?: readonly DuckDBType[]
}

const scalarTypes: Readonly<Record<string, string>> = {
  BOOLEAN: 'BOOLEAN',
  DOUBLE: 'FLOAT',
  FLOAT: 'FLOAT',
  VARCHAR: 'STRING',
  JSON: 'JSON',
  BLOB: 'BYTES',
  DATE: 'DATE',
  TIME: 'TIME',
  TIMESTAMP: 'DATETIME',
  'TIMESTAMP WITH TIME ZONE': 'TIMESTAMP',
  INTERVAL: 'INTERVAL',
  'DECIMAL(38,9)': 'NUMERIC',
}

/** The BigQuery type of a column of a result. */
export function fieldOf(name: string, type: DuckDBType): Field {
  const { valueType, entryNames, entryTypes } = type as unknown as Nested
  if (valueType !== undefined) return { ...fieldOf(name, valueType), mode: 'REPEATED' }
  if (entryNames !== undefined && entryTypes !== undefined)
    return {
      name,
      type: 'RECORD',
      mode: 'NULLABLE',
      fields: entryNames.map((each, i) => fieldOf(each, entryTypes[i]!)),
    }
  const text = String(type)
  const known =
    scalarTypes[text] ?? (text.startsWith('DECIMAL') ? 'BIGNUMERIC' : /INT/.test(text) ? 'INTEGER' : 'STRING')
  return { name, type: known, mode: 'NULLABLE' }
}

const duckTypes: Readonly<Record<string, string>> = {
  BOOLEAN: 'BOOLEAN',
  BOOL: 'BOOLEAN',
  INTEGER: 'BIGINT',
  INT64: 'BIGINT',
  FLOAT: 'DOUBLE',
  FLOAT64: 'DOUBLE',
  NUMERIC: 'DECIMAL(38,9)',
  BIGNUMERIC: 'DECIMAL(38,18)',
  STRING: 'VARCHAR',
  GEOGRAPHY: 'VARCHAR',
  RANGE: 'VARCHAR',
  BYTES: 'BLOB',
  DATE: 'DATE',
  TIME: 'TIME',
  DATETIME: 'TIMESTAMP',
  TIMESTAMP: 'TIMESTAMPTZ',
  JSON: 'JSON',
  INTERVAL: 'INTERVAL',
}

/** DuckDB's type for a field. */
export function duckType({ type, mode, fields = [] }: Field): string {
  const inner = fields.map((field) => `"${field.name}" ${duckType(field)}`).join(', ')
  const single = type === 'RECORD' || type === 'STRUCT' ? `STRUCT(${inner})` : (duckTypes[type] ?? 'VARCHAR')
  return mode === 'REPEATED' ? `${single}[]` : single
}

/** SQL that prints a column as the REST API does; nested values are left to `restValue`. */
export function restText(column: string, field: Field, int64Timestamps: boolean): string {
  if (field.mode === 'REPEATED' || field.fields !== undefined) return column
  switch (field.type) {
    case 'FLOAT':
      return `CASE WHEN isnan(${column}) THEN 'NaN' WHEN isinf(${column}) THEN if(${column} > 0, 'Infinity', '-Infinity') ELSE ${column}::VARCHAR END`
    case 'BYTES':
      return `base64(${column})`
    case 'NUMERIC':
    case 'BIGNUMERIC':
      return `bq_text(${column})`
    case 'DATETIME':
      return `replace(${column}::VARCHAR, ' ', 'T')`
    case 'TIMESTAMP':
      return int64Timestamps ? `epoch_us(${column})::VARCHAR` : `printf('%.6f', epoch_us(${column}) / 1e6)`
    default:
      return `${column}::VARCHAR`
  }
}

/** `{v: …}` of a value: text, null, an array of values, or a record. */
export function restValue(value: unknown, field: Field): { readonly v: unknown } {
  if (value === null || value === undefined) return { v: field.mode === 'REPEATED' ? [] : null }
  if (field.mode === 'REPEATED') {
    const single: Field = { ...field, mode: 'NULLABLE' }
    return { v: (value as readonly unknown[]).map((each) => restValue(each, single)) }
  }
  if (field.fields !== undefined) {
    const record = value as Readonly<Record<string, unknown>>
    return { v: { f: field.fields.map((each) => restValue(record[each.name], each)) } }
  }
  return { v: String(value) }
}
