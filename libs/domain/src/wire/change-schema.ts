import { type Column, type ColumnType, columnTypes, type RowSchema } from '../row-schema.ts'
import { AvroError } from './avro-error.ts'
import { avroName } from './avro-name.ts'
import { type AvroSchema, batchHeaderSchema } from './avro-schemas.ts'

const avroTypes: Readonly<Record<ColumnType, AvroSchema>> = {
  boolean: 'boolean',
  integer: 'long',
  double: 'double',
  decimal: { type: 'string', millraceType: 'decimal' },
  string: 'string',
  json: { type: 'string', millraceType: 'json' },
  bytes: 'bytes',
  timestamp: { type: 'long', logicalType: 'timestamp-micros' },
  date: { type: 'int', logicalType: 'date' },
}

/**
 * The Avro schema of the change batches of one table, as JSON; the shape is schemas/change-batch.avsc. The fields of
 * `Row` are the columns in order, each `["null", T]` with default null, so a column added at the end is a BACKWARD
 * compatible version. What Avro names cannot hold stands in attributes: `column` (exact name), `millraceType` and
 * `sourceType` of each field, `table` and `key` of Row.
 *
 * The fields of `Before` are the columns `before` (mapping/before-columns.ts), as optional as those of `Row`: a mapping with other
 * ones is a BACKWARD compatible version, as is the first one with any.
 *
 * `namespace` makes the record names of one table unique among the subjects of a registry; build it with `avroName`
 * from ids or table names, joined by dots.
 */
export function changeBatchSchema(schema: RowSchema, namespace: string, before: readonly Column[] = []): AvroSchema {
  const row = {
    type: 'record',
    name: 'Row',
    table: schema.table,
    key: schema.key,
    fields: schema.columns.map(fieldOf),
  }
  const beforeFields = before.map(fieldOf)
  const changeOp = { type: 'enum', name: 'ChangeOp', namespace: 'millrace', symbols: ['insert', 'update', 'delete'] }
  const rowId = { type: 'fixed', name: 'RowId', namespace: 'millrace', size: 32 }
  const change = {
    type: 'record',
    name: 'Change',
    fields: [
      { name: 'op', type: changeOp },
      { name: 'ordinal', type: 'long', doc: 'Position of the row in its chunk' },
      { name: 'row_id', type: rowId },
      { name: 'row', type: ['null', row] },
      { name: 'before', type: ['null', { type: 'record', name: 'Before', fields: beforeFields }] },
    ],
  }
  return {
    type: 'record',
    name: 'ChangeBatch',
    namespace,
    doc: `A batch of change records of one run and one partition, from ${schema.table}`,
    fields: [
      { name: 'header', type: batchHeaderSchema },
      { name: 'changes', type: { type: 'array', items: change } },
    ],
  }
}

function fieldOf(column: Column) {
  return {
    name: avroName(column.name),
    type: ['null', avroTypes[column.type]],
    default: null,
    column: column.name,
    millraceType: column.type,
    sourceType: column.sourceType,
  }
}

type Json = { readonly [attribute: string]: unknown }

/** The row schema that a schema made by `changeBatchSchema` carries. Throws `AvroError` for any other schema. */
export function rowSchemaFromAvro(schema: unknown): RowSchema {
  const row = findRecord(schema, 'row', 'Row')
  if (row === undefined)
    throw new AvroError('the schema is no change batch: it holds no record ChangeBatch with changes of rows')
  const { table, key, fields } = row
  if (typeof table !== 'string' || !isStrings(key) || !Array.isArray(fields))
    throw new AvroError('the record Row of the schema lacks the attributes table and key')
  return { table, key, columns: fields.map(columnOf) }
}

/** The columns of Before in such a schema, in order; none when its writer knew no before-images. */
export function beforeColumnsFromAvro(schema: unknown): readonly Column[] {
  const before = findRecord(schema, 'before', 'Before')
  return Array.isArray(before?.fields) ? before.fields.map(columnOf) : []
}

function findRecord(schema: unknown, field: string, name: string): Json | undefined {
  const changes = fieldType(schema, 'changes')
  const branches = fieldType(isObject(changes) ? changes.items : undefined, field)
  const record = Array.isArray(branches) ? branches[1] : undefined
  return isObject(record) && record.name === name ? record : undefined
}

function fieldType(record: unknown, name: string): unknown {
  if (!isObject(record) || !Array.isArray(record.fields)) return undefined
  return record.fields.find((field) => isObject(field) && field.name === name)?.type
}

function columnOf(field: unknown): Column {
  if (isObject(field)) {
    const { column, millraceType, sourceType } = field
    const type = columnTypes.find((known) => known === millraceType)
    if (typeof column === 'string' && typeof sourceType === 'string' && type !== undefined)
      return { name: column, type, sourceType }
  }
  throw new AvroError('a field of Row or Before lacks one of the attributes column, millraceType, sourceType')
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}
