import type { RowSchema } from '@millrace/domain/row-schema.ts'
import { shown } from '../shown.ts'
import type { TableRef, TableSummary } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'
import { catalogStatements } from './catalog-statements.ts'
import type { Rows, SnowflakeClient, Value } from './client.ts'
import { quoteName, quoteTable } from './identifiers.ts'
import { type CatalogType, ruleOf, sourceTypeOf, type TypeRuleName, typeRules } from './types.ts'

export type TableColumn = {
  readonly name: string
  readonly sourceType: string
  readonly nullable: boolean
  readonly rule: TypeRuleName
}

/** A table as the catalogue has it. */
export type FoundTable = {
  readonly table: TableRef
  readonly kind: TableSummary['kind']
  /** When it was made, ns since 1970: another one means that the table was made again under its old name. */
  readonly createdAt: string
  readonly columns: readonly TableColumn[]
  /** Primary key, which Snowflake takes down but does not enforce. */
  readonly key: readonly string[]
}

const kinds: Readonly<Record<string, TableSummary['kind']>> = {
  'BASE TABLE': 'table',
  'DYNAMIC TABLE': 'table',
  'EXTERNAL TABLE': 'table',
  VIEW: 'view',
  'MATERIALIZED VIEW': 'materialized_view',
}

/** The schemas that Millrace may look into, without its own. */
export async function listSchemas(client: SnowflakeClient, signal: AbortSignal): Promise<readonly string[]> {
  const { database, connectorSchema } = client.options
  const rows = await client.ask(catalogStatements.schemas(database), signal)
  return rows.map(([name]) => String(name)).filter((name) => name !== connectorSchema)
}

/** Tables and views of a schema that the role may see. */
export async function listTables(
  client: SnowflakeClient,
  schema: string,
  signal: AbortSignal,
): Promise<readonly TableSummary[]> {
  const rows = await client.ask(catalogStatements.tables(client.options.database, schema), signal)
  return rows.flatMap(([name, type, count]) => {
    const kind = kinds[String(type)]
    const rowsEstimate = count === null || count === undefined ? null : Number(count)
    return kind === undefined ? [] : [{ schema, name: String(name), kind, rowsEstimate }]
  })
}

/**
 * Looks a table up. Throws `table_not_found`, also for tables that the role may not see; `type_not_supported` or
 * `name_invalid`, with the column that is refused.
 */
export async function findTable(client: SnowflakeClient, table: TableRef, signal: AbortSignal): Promise<FoundTable> {
  const { database, role } = client.options
  const [[found], rows] = await Promise.all([
    client.ask(catalogStatements.table(database, table), signal),
    client.ask(catalogStatements.columns(database, table), signal),
  ])
  const kind = kinds[String(found?.[0])]
  if (found === undefined || kind === undefined) throw notFound(database, table, role)
  if (rows.length === 0)
    throw new WarehouseError('column_not_found', `${shown(table)} has no columns.`, 'Choose another table.')
  const columns = rows.map(columnOf)
  const key = kind === 'table' ? await primaryKey(client, table, signal) : []
  return { table, kind, createdAt: String(found[1]), columns, key }
}

async function primaryKey(client: SnowflakeClient, table: TableRef, signal: AbortSignal): Promise<readonly string[]> {
  const rows = await client.show(catalogStatements.primaryKeys(client.options.database, table), signal)
  return rows
    .map(({ column_name, key_sequence }) => ({ name: String(column_name), place: Number(key_sequence) }))
    .sort((a, b) => a.place - b.place)
    .map(({ name }) => name)
}

function columnOf([name, type, precision, scale, nullable]: Rows[number]): TableColumn {
  const catalogType: CatalogType = {
    type: String(type),
    precision: numberOf(precision),
    scale: numberOf(scale),
  }
  const rule = ruleOf(catalogType)
  const column = String(name)
  quoteName(column)
  if (rule === null)
    throw new WarehouseError(
      'type_not_supported',
      `The column ${JSON.stringify(column)} has the type ${catalogType.type.slice(0, 60)}, which this version cannot read.`,
      'Sync a view of the table without it, or with it as text: ST_ASGEOJSON(…)::VARCHAR, TO_VARCHAR(…).',
    )
  return { name: column, sourceType: sourceTypeOf(catalogType), nullable: nullable === 'YES', rule }
}

function numberOf(value: Value | undefined): number | null {
  return value === null || value === undefined ? null : Number(value)
}

function notFound(database: string, table: TableRef, role: string): WarehouseError {
  const name = quoteTable(database, table)
  const usage = `GRANT USAGE ON DATABASE ${quoteName(database)} TO ROLE ${role}; GRANT USAGE ON SCHEMA ${quoteName(database)}.${quoteName(table.schema)} TO ROLE ${role};`
  return new WarehouseError(
    'table_not_found',
    `There is no table ${shown(table)} that the role ${role} may see.`,
    `Check the names; if they are right, run: ${usage} GRANT SELECT ON TABLE ${name} TO ROLE ${role};`,
  )
}

/** The schema of a table's change records. */
export function rowSchemaOf(found: FoundTable): RowSchema {
  return {
    table: `${found.table.schema}.${found.table.name}`,
    columns: found.columns.map(({ name, sourceType, rule }) => ({ name, sourceType, type: typeRules[rule].column })),
    key: found.key,
  }
}
