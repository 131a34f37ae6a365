import type { RowSchema } from '@millrace/domain/row-schema.ts'
import type pg from 'pg'
import { shown } from '../shown.ts'
import type { TableRef, TableSummary } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'
import { quoteIdentifier, quoteTable } from './identifiers.ts'
import { ruleOf, type TypeRuleName, typeRules } from './types.ts'

const schemasMax = 10_000
const tablesMax = 10_000

/** Schemas whose objects the role may see, without Postgres' own. */
export async function listSchemas(client: pg.Client): Promise<readonly string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT nspname AS name FROM pg_namespace
     WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND has_schema_privilege(oid, 'USAGE')
     ORDER BY nspname LIMIT $1`,
    [schemasMax],
  )
  return rows.map((row) => row.name)
}

/** Tables and views of a schema that the role may read something of. Partitions stand with their table only. */
export async function listTables(client: pg.Client, schema: string): Promise<readonly TableSummary[]> {
  quoteIdentifier(schema)
  const { rows } = await client.query<TableSummary>(
    `SELECT n.nspname AS schema, c.relname AS name,
            CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized_view' ELSE 'table' END AS kind,
            CASE WHEN c.reltuples >= 0 THEN c.reltuples::float8 END AS "rowsEstimate"
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
       AND has_any_column_privilege(c.oid, 'SELECT')
     ORDER BY c.relname LIMIT $2`,
    [schema, tablesMax],
  )
  return rows
}

export type TableColumn = {
  readonly name: string
  readonly sourceType: string
  readonly nullable: boolean
  readonly rule: TypeRuleName
}

/** A table as the catalogue has it; names in the catalogue's spelling. */
export type FoundTable = {
  readonly oid: number
  readonly table: TableRef
  /** pg_class.relkind. */
  readonly kind: string
  /** Columns that the role may read. */
  readonly columns: readonly TableColumn[]
  readonly key: readonly string[]
}

/** Looks a table up. Throws `table_not_found`, or `permission_denied` when it is there and the role may not read it. */
export async function findTable(client: pg.Client, table: TableRef): Promise<FoundTable> {
  // Refuses what cannot be a name before the server has to.
  quoteTable(table)
  const { rows } = await client.query<{ oid: string; schema: string; name: string; kind: string; usable: boolean }>(
    `SELECT c.oid::text AS oid, n.nspname AS schema, c.relname AS name, c.relkind AS kind,
            has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT') AS usable
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')`,
    [table.schema, table.name],
  )
  const found = rows[0]
  if (found === undefined) throw tableNotFound(table)
  if (!found.usable) throw permissionDenied(table)
  const columns = await readableColumns(client, found.oid)
  if (columns.length === 0) {
    throw new WarehouseError('column_not_found', `${shown(table)} has no columns.`, 'Choose another table.')
  }
  const names = new Set(columns.map((column) => column.name))
  const key = await primaryKey(client, found.oid)
  return {
    oid: Number(found.oid),
    table: { schema: found.schema, name: found.name },
    kind: found.kind,
    columns,
    key: key.every((name) => names.has(name)) ? key : [],
  }
}

/** Columns in order, each with the type under its domain, if it is one. */
async function readableColumns(client: pg.Client, oid: string): Promise<readonly TableColumn[]> {
  type Row = {
    name: string
    sourceType: string
    nullable: boolean
    typeOid: string
    kind: string
    category: string
    typeName: string
  }
  const { rows } = await client.query<Row>(
    `SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS "sourceType", NOT a.attnotnull AS nullable,
            base.oid::text AS "typeOid", base.typtype AS kind, base.typcategory AS category, base.typname AS "typeName"
     FROM pg_attribute a CROSS JOIN LATERAL (
       WITH RECURSIVE chain AS (
         SELECT t.oid, t.typtype, t.typcategory, t.typname, t.typbasetype FROM pg_type t WHERE t.oid = a.atttypid
         UNION ALL
         SELECT t.oid, t.typtype, t.typcategory, t.typname, t.typbasetype
         FROM chain JOIN pg_type t ON t.oid = chain.typbasetype WHERE chain.typtype = 'd'
       )
       SELECT * FROM chain WHERE typtype <> 'd'
     ) base
     WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped
       AND has_column_privilege(a.attrelid, a.attnum, 'SELECT')
     ORDER BY a.attnum`,
    [oid],
  )
  return rows.map(({ name, sourceType, nullable, typeOid, kind, category, typeName }) => ({
    name,
    sourceType,
    nullable,
    rule: ruleOf({ oid: Number(typeOid), kind, category, name: typeName }),
  }))
}

async function primaryKey(client: pg.Client, oid: string): Promise<readonly string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT a.attname AS name
     FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(attnum, place)
     JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
     WHERE i.indrelid = $1::oid AND i.indisprimary AND k.place <= i.indnkeyatts
     ORDER BY k.place`,
    [oid],
  )
  return rows.map((row) => row.name)
}

export function kindOf({ kind }: FoundTable): TableSummary['kind'] {
  if (kind === 'v') return 'view'
  return kind === 'm' ? 'materialized_view' : 'table'
}

/** The schema of a table's change records. */
export function rowSchemaOf(found: FoundTable): RowSchema {
  return {
    table: `${found.table.schema}.${found.table.name}`,
    columns: found.columns.map(({ name, sourceType, rule }) => ({ name, sourceType, type: typeRules[rule].column })),
    key: found.key,
  }
}

function tableNotFound(table: TableRef): WarehouseError {
  return new WarehouseError(
    'table_not_found',
    `There is no table or view ${shown(table)}.`,
    'Check the spelling; names are case-sensitive here.',
  )
}

function permissionDenied(table: TableRef): WarehouseError {
  return new WarehouseError(
    'permission_denied',
    `The role may not read ${shown(table)}.`,
    'GRANT USAGE on the schema and SELECT on the table to it: see docs/warehouses/postgres.md.',
  )
}
