import type { RowSchema } from '@millrace/domain/row-schema.ts'
import { shown } from '../shown.ts'
import type { TableRef, TableSummary } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'
import { catalogStatements } from './catalog-statements.ts'
import type { DatabricksClient } from './client.ts'
import { checkName } from './identifiers.ts'
import type { TextRow } from './row-encoder.ts'
import { ruleOf, type TypeRuleName, typeRules } from './types.ts'

export type TableColumn = { readonly name: string; readonly sourceType: string; readonly rule: TypeRuleName }

/** A table or view as the catalogue has it. */
export type FoundTable = {
  readonly table: TableRef
  readonly kind: TableSummary['kind']
  /** A table of Delta has versions, from which it can be read as it was. */
  readonly isDelta: boolean
  readonly columns: readonly TableColumn[]
  /** Primary key, which Unity Catalog takes down but does not enforce. */
  readonly key: readonly string[]
}

/** Where in a catalog something is asked. */
export type Catalog = { readonly client: DatabricksClient; readonly catalog: string }

const kinds: Readonly<Record<string, FoundTable['kind']>> = { VIEW: 'view', MATERIALIZED_VIEW: 'materialized_view' }
const notForSync: ReadonlySet<string> = new Set(['information_schema'])

export async function listSchemas({ client, catalog }: Catalog, signal: AbortSignal): Promise<readonly string[]> {
  const rows = await client.ask(catalogStatements.schemas(catalog), signal)
  return rows.map((row) => first(row, ['databaseName', 'namespace'])).filter((name) => !notForSync.has(name))
}

/** Tables and views of a schema. How many rows they have is not told. */
export async function listTables(
  { client, catalog }: Catalog,
  schema: string,
  signal: AbortSignal,
): Promise<readonly TableSummary[]> {
  const tables = await client.ask(catalogStatements.tables(catalog, schema), signal)
  const views = await client.ask(catalogStatements.views(catalog, schema), signal)
  const isView = new Set(views.map((row) => first(row, ['viewName'])))
  const names = new Set([...tables.map((row) => first(row, ['tableName'])), ...isView])
  return [...names].map((name) => ({ schema, name, kind: isView.has(name) ? 'view' : 'table', rowsEstimate: null }))
}

/** Looks a table up. Throws `table_not_found`, `type_not_supported` or `name_invalid`, with the column that is refused. */
export async function findTable(place: Catalog, table: TableRef, signal: AbortSignal): Promise<FoundTable> {
  const { client, catalog } = place
  const rows = await client.ask(catalogStatements.describe(catalog, table), signal).catch((error: unknown) => {
    throw (error as { code?: string }).code === 'table_not_found' ? notFound(table) : error
  })
  const end = rows.findIndex((row) => nameIn(row) === '' || nameIn(row).startsWith('# '))
  const columns = rows.slice(0, end === -1 ? rows.length : end).map(columnOf)
  if (columns.length === 0)
    throw new WarehouseError('column_not_found', `${shown(table)} has no columns.`, 'Choose another table.')
  const about = new Map(rows.slice(end === -1 ? rows.length : end).map((row) => [nameIn(row), String(row.data_type)]))
  const kind = kinds[about.get('Type') ?? ''] ?? 'table'
  const isDelta = kind === 'table' && about.get('Provider')?.toLowerCase() === 'delta'
  return { table, kind, isDelta, columns, key: kind === 'table' ? await keyOf(place, table, signal) : [] }
}

/** Catalogs outside of Unity Catalog know no keys. */
async function keyOf({ client, catalog }: Catalog, table: TableRef, signal: AbortSignal): Promise<readonly string[]> {
  try {
    const rows = await client.ask(catalogStatements.key(catalog, table), signal)
    return rows.map(({ name }) => String(name))
  } catch (error) {
    signal.throwIfAborted()
    const { code } = error as { code?: string }
    if (code === 'table_not_found' || code === 'permission_denied') return []
    throw error
  }
}

function columnOf(row: TextRow): TableColumn {
  const name = nameIn(row)
  const sourceType = String(row.data_type)
  checkName(name)
  const rule = ruleOf(sourceType)
  if (rule === null)
    throw new WarehouseError(
      'type_not_supported',
      `The column ${JSON.stringify(name).slice(0, 150)} has the type ${sourceType.slice(0, 60)}, which this version cannot read.`,
      'Sync a view of the table without it, or with it cast to STRING.',
    )
  return { name, sourceType, rule }
}

function nameIn(row: TextRow): string {
  return row.col_name ?? ''
}

/** Spark and Databricks name the column of some lists differently. */
function first(row: TextRow, names: readonly string[]): string {
  return String(names.map((name) => row[name]).find((value) => value !== undefined) ?? Object.values(row)[0])
}

function notFound(table: TableRef): WarehouseError {
  return new WarehouseError(
    'table_not_found',
    `There is no table ${shown(table)} that Millrace may see.`,
    'Check the names, and grant USE CATALOG, USE SCHEMA and SELECT: what may not be seen looks as if it were not there.',
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
