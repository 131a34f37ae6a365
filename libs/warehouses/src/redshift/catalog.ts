import type { RowSchema } from '@millrace/domain/row-schema.ts'
import { shown } from '../shown.ts'
import type { TableRef, TableSummary } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'
import { catalogStatements } from './catalog-statements.ts'
import type { RedshiftClient, Rows, Value } from './client.ts'
import { checkColumnName, quoteName, quoteTable } from './identifiers.ts'
import { ask } from './run-step.ts'
import { ruleOf, type TypeRuleName, typeRules } from './types.ts'

export type TableColumn = {
  readonly name: string
  readonly sourceType: string
  readonly nullable: boolean
  readonly rule: TypeRuleName
}

/** A table as the catalogue has it. */
export type FoundTable = {
  readonly table: TableRef
  readonly kind: 'table' | 'view'
  /** Another one means that the table was made again under its old name. */
  readonly oid: string
  readonly columns: readonly TableColumn[]
  /** Primary key, which Redshift takes down but does not enforce. */
  readonly key: readonly string[]
}

const kinds: Readonly<Record<string, FoundTable['kind']>> = { r: 'table', v: 'view', m: 'view' }

/** The schemas that Millrace may look into, without `except`: the one where it works itself. */
export async function listSchemas(
  client: RedshiftClient,
  except: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const rows = await ask(client, [catalogStatements.schemas], signal)
  return rows.map(([name]) => String(name)).filter((name) => name !== except)
}

/** Tables and views of a schema that may be read. The numbers of rows are those of the last ANALYZE. */
export async function listTables(
  client: RedshiftClient,
  schema: string,
  signal: AbortSignal,
): Promise<readonly TableSummary[]> {
  const rows = await ask(client, [catalogStatements.tables(schema)], signal)
  return rows.flatMap(([name, kind, estimate]) => {
    const known = kinds[String(kind)]
    return known === undefined ? [] : [{ schema, name: String(name), kind: known, rowsEstimate: rowsOf(estimate) }]
  })
}

function rowsOf(estimate: Value | undefined): number | null {
  const rows = Number(estimate ?? 0)
  return rows > 0 ? Math.round(rows) : null
}

/**
 * Looks a table up. Throws `table_not_found`; `permission_denied`, with the grant that is missing; `type_not_supported` or
 * `name_invalid`, with the column that is refused.
 */
export async function findTable(client: RedshiftClient, table: TableRef, signal: AbortSignal): Promise<FoundTable> {
  const [found] = await ask(client, [catalogStatements.table(table)], signal)
  if (found === undefined) throw notFound(table)
  const [oid, relkind, mayUse, mayRead, key] = found
  const kind = kinds[String(relkind)]
  if (kind === undefined) throw notFound(table)
  if (!isTrue(mayUse)) throw noGrant(table, usageGrant(table.schema, client.user))
  if (!isTrue(mayRead)) throw noGrant(table, readGrant(table, client.user))
  const rows = await columnRows(client, table, kind, String(oid), signal)
  if (rows.length === 0)
    throw new WarehouseError('column_not_found', `${shown(table)} has no columns.`, 'Choose another table.')
  const columns = rows.map(([, name, type, notNull]) => columnOf(String(name), String(type), !isTrue(notNull)))
  const numbers = String(key ?? '')
    .split(',')
    .filter(Boolean)
  const names = numbers.map((number) => String(rows.find(([position]) => String(position) === number)?.[1]))
  return { table, kind, oid: String(oid), columns, key: names }
}

/** Late-binding views, which know their columns only when they are asked, have a list of their own. */
async function columnRows(
  client: RedshiftClient,
  table: TableRef,
  kind: FoundTable['kind'],
  oid: string,
  signal: AbortSignal,
): Promise<Rows> {
  const rows = await ask(client, [catalogStatements.columns(oid)], signal)
  if (rows.length > 0 || kind === 'table') return rows
  return await ask(client, [catalogStatements.lateColumns(table)], signal)
}

function columnOf(name: string, sourceType: string, nullable: boolean): TableColumn {
  checkColumnName(name)
  const rule = ruleOf(sourceType)
  if (rule === null)
    throw new WarehouseError(
      'type_not_supported',
      `The column ${JSON.stringify(name)} has the type ${sourceType.slice(0, 60)}, which this version cannot read.`,
      'Sync a view of the table without it, or with it cast to VARCHAR.',
    )
  return { name, sourceType, nullable, rule }
}

/** Throws `mode_not_supported`: views keep no identity from which a re-creation would show. */
export function checkMirror({ kind, table }: FoundTable): void {
  if (kind === 'table') return
  throw new WarehouseError(
    'mode_not_supported',
    `${shown(table)} is a view, which cannot be mirrored.`,
    'Mirror the table behind it, or materialise the view as a table that is changed and not made anew.',
  )
}

/** The statement that lets Millrace see into a schema. */
export function usageGrant(schema: string, user: string): string {
  return `GRANT USAGE ON SCHEMA ${quoteName(schema)} TO ${quoteName(user)};`
}

/** The statement that lets Millrace read a table: grants on all tables of a schema do not hold for those made later. */
export function readGrant(table: TableRef, user: string): string {
  return `GRANT SELECT ON TABLE ${quoteTable(table)} TO ${quoteName(user)};`
}

function noGrant(table: TableRef, grant: string): WarehouseError {
  return new WarehouseError('permission_denied', `Millrace may not read ${shown(table)}.`, `Run: ${grant}`)
}

function notFound(table: TableRef): WarehouseError {
  return new WarehouseError(
    'table_not_found',
    `There is no table ${shown(table)}.`,
    'Check the names: it was dropped or renamed, or is an external table, which is not read.',
  )
}

function isTrue(value: Value | undefined): boolean {
  return value === true || value === 't' || value === 'true' || value === 1
}

/** The schema of a table's change records. */
export function rowSchemaOf(found: FoundTable): RowSchema {
  return {
    table: `${found.table.schema}.${found.table.name}`,
    columns: found.columns.map(({ name, sourceType, rule }) => ({ name, sourceType, type: typeRules[rule].column })),
    key: found.key,
  }
}
