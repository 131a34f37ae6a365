import type { RowSchema } from '@millrace/domain/row-schema.ts'
import { shown } from '../shown.ts'
import type { TableRef, TableSummary } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'
import type { BigQueryClient } from './client.ts'
import { flattenGa4 } from './ga4-flatten.ts'
import { type Ga4Export, isGa4, newestDay, withGa4 } from './ga4-tables.ts'
import { checkDataset, checkTableName, quoteColumn } from './identifiers.ts'
import { type ApiField, ruleOf, sourceTypeOf, type TypeRuleName, typeRules } from './types.ts'

const pageItems = 1000
const itemsMax = 10_000

/** The datasets of the project that the service account may see, without `except`: the one where Millrace works. */
export async function listSchemas(
  client: BigQueryClient,
  except: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  type Item = { datasetReference: { datasetId: string } }
  const found = await listAll<Item>(client, '/datasets', 'datasets', signal)
  return found.map(({ datasetReference }) => datasetReference.datasetId).filter((name) => name !== except)
}

const kinds: Readonly<Record<string, TableSummary['kind']>> = {
  TABLE: 'table',
  EXTERNAL: 'table',
  SNAPSHOT: 'table',
  VIEW: 'view',
  MATERIALIZED_VIEW: 'materialized_view',
}

/** Tables and views of a dataset. The list has no row counts. */
export async function listTables(
  client: BigQueryClient,
  schema: string,
  signal: AbortSignal,
): Promise<readonly TableSummary[]> {
  checkDataset(schema)
  const found = await listAll<TableItem>(client, `/datasets/${schema}/tables`, 'tables', signal)
  const tables = found.flatMap(({ tableReference, type }) => {
    const kind = kinds[type]
    return kind === undefined ? [] : [{ schema, name: tableReference.tableId, kind, rowsEstimate: null }]
  })
  return withGa4(schema, tables)
}

type TableItem = { readonly tableReference: { readonly tableId: string }; readonly type: string }

async function listAll<T>(
  client: BigQueryClient,
  path: string,
  field: string,
  signal: AbortSignal,
): Promise<readonly T[]> {
  const items: T[] = []
  let pageToken: string | undefined
  do {
    const query = { maxResults: pageItems, ...(pageToken === undefined ? {} : { pageToken }) }
    const page = await client.call<Record<string, unknown>>({ path, query }, signal)
    items.push(...((page[field] as T[] | undefined) ?? []))
    pageToken = page.nextPageToken as string | undefined
  } while (pageToken !== undefined && items.length < itemsMax)
  return items.slice(0, itemsMax)
}

export type TableColumn = {
  readonly name: string
  readonly sourceType: string
  readonly nullable: boolean
  readonly rule: TypeRuleName
  /** Time columns: rows may come so much later than their time says. */
  readonly overlapMsMin?: number
}

/** A table as the catalogue has it. */
export type FoundTable = {
  readonly table: TableRef
  /** TABLE, VIEW, MATERIALIZED_VIEW, EXTERNAL, SNAPSHOT. */
  readonly kind: string
  readonly location: string | undefined
  readonly columns: readonly TableColumn[]
  /** Primary key, which BigQuery takes down but does not enforce. */
  readonly key: readonly string[]
  /** What the table is partitioned by; `ingestion_time` is no column. */
  readonly partitioning: {
    readonly kind: 'none' | 'ingestion_time' | 'column'
    readonly column: string | null
    /** Of partitions by time: HOUR, DAY, MONTH, YEAR; else null. */
    readonly unit: string | null
  }
  /** Queries without a condition on the partitions are refused by the table itself. */
  readonly needsPartitionFilter: boolean
  readonly bytes: number
  readonly rows: number
  /** Milliseconds since 1970, as text: another one means that the table was made anew. */
  readonly createdAt: string
  /** Milliseconds since 1970 at which it removes itself. */
  readonly expiresAt: number | null
  /** The daily tables of a Google Analytics 4 export, as one; its kind is GA4. */
  readonly ga4?: Ga4Export
}

type ApiTable = {
  readonly type: string
  readonly location?: string
  readonly schema?: { readonly fields?: readonly ApiField[] }
  readonly numBytes?: string
  readonly numRows?: string
  readonly creationTime?: string
  readonly expirationTime?: string
  readonly requirePartitionFilter?: boolean
  readonly timePartitioning?: { readonly type?: string; readonly field?: string }
  readonly rangePartitioning?: { readonly field?: string }
  readonly tableConstraints?: { readonly primaryKey?: { readonly columns?: readonly string[] } }
}

/** Looks a table up. Throws `table_not_found`, `permission_denied` or `type_not_supported`. */
export async function findTable(client: BigQueryClient, table: TableRef, signal: AbortSignal): Promise<FoundTable> {
  checkDataset(table.schema)
  if (isGa4(table)) return await findGa4(client, table, signal)
  checkTableName(table.name)
  const path = `/datasets/${table.schema}/tables/${table.name}`
  const found = await client.call<ApiTable>({ path }, signal)
  const columns = (found.schema?.fields ?? []).map((field) => columnOf(field))
  if (columns.length === 0)
    throw new WarehouseError('column_not_found', `${shown(table)} has no columns.`, 'Choose another table.')
  return {
    table,
    kind: found.type,
    location: found.location,
    columns,
    key: found.tableConstraints?.primaryKey?.columns ?? [],
    partitioning: partitioningOf(found),
    needsPartitionFilter: found.requirePartitionFilter ?? false,
    bytes: Number(found.numBytes ?? 0),
    rows: Number(found.numRows ?? 0),
    createdAt: found.creationTime ?? '0',
    expiresAt: found.expirationTime === undefined ? null : Number(found.expirationTime),
  }
}

/** The columns are those of the newest day; older days have NULL where they lack one, as BigQuery has it for patterns. */
async function findGa4(client: BigQueryClient, table: TableRef, signal: AbortSignal): Promise<FoundTable> {
  const path = `/datasets/${table.schema}/tables`
  const items = await listAll<TableItem>(client, path, 'tables', signal)
  const newest = newestDay(
    items.flatMap(({ tableReference, type }) => (type === 'TABLE' ? [tableReference.tableId] : [])),
  )
  if (newest === null)
    throw new WarehouseError(
      'table_not_found',
      `The dataset ${table.schema} has no daily table of a Google Analytics 4 export yet.`,
      'Turn the daily export on: it writes a table for each day that is over.',
    )
  const day = await findTable(client, { schema: table.schema, name: newest }, signal)
  const { schema } = await client.call<ApiTable>({ path: `${path}/${newest}` }, signal)
  const { columns, select } = flattenGa4(schema?.fields ?? [])
  return { ...day, table, kind: 'GA4', columns, key: [], ga4: { select, newest } }
}

function columnOf(field: ApiField): TableColumn {
  quoteColumn(field.name)
  const rule = ruleOf(field)
  if (rule === null)
    throw new WarehouseError(
      'type_not_supported',
      `The column ${JSON.stringify(field.name).slice(0, 150)} has a type that this version cannot read.`,
      'Sync a view of the table without it, or with it cast to STRING.',
    )
  return { name: field.name, sourceType: sourceTypeOf(field), nullable: field.mode !== 'REQUIRED', rule }
}

function partitioningOf({ timePartitioning, rangePartitioning }: ApiTable): FoundTable['partitioning'] {
  const by = timePartitioning ?? rangePartitioning
  const unit = timePartitioning === undefined ? null : (timePartitioning.type ?? 'DAY')
  if (by === undefined) return { kind: 'none', column: null, unit }
  if (by.field === undefined) return { kind: 'ingestion_time', column: null, unit }
  return { kind: 'column', column: by.field, unit }
}

/** Throws `mode_not_supported` when the table cannot be read as a whole, or by conditions on `column` when one is given. */
export function checkPartitionFilter({ needsPartitionFilter, partitioning, table }: FoundTable, column?: string): void {
  if (!needsPartitionFilter || (column !== undefined && partitioning.column === column)) return
  throw new WarehouseError(
    'mode_not_supported',
    `${shown(table)} requires a filter on its partitions, and this would read all of them.`,
    'Use append by the column that partitions the table, or sync a view of it that filters.',
  )
}

/** As the list of a dataset shows it; what it has no word for is read like a table. */
export function kindOf({ kind }: FoundTable): TableSummary['kind'] {
  return kinds[kind] ?? 'table'
}

/** Only tables remember what they held; views show what their tables hold now. */
export function canTravelInTime({ kind }: FoundTable): boolean {
  return kind === 'TABLE'
}

/** The schema of a table's change records. */
export function rowSchemaOf(found: FoundTable): RowSchema {
  return {
    table: `${found.table.schema}.${found.table.name}`,
    columns: found.columns.map(({ name, sourceType, rule }) => ({ name, sourceType, type: typeRules[rule].column })),
    key: found.key,
  }
}
