import type { TableRef } from '../warehouse.ts'
import { nameLiteral } from './identifiers.ts'

/** What is asked of the system tables; they show rows of tables that may not be read, so the rights are asked for as well. */
export const catalogStatements = {
  schemas: `SELECT CAST(n.nspname AS VARCHAR)
FROM pg_catalog.pg_namespace n
WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'catalog_history')
  AND has_schema_privilege(n.nspname, 'USAGE')
ORDER BY 1`,

  tables: (
    schema: string,
  ) => `SELECT CAST(c.relname AS VARCHAR), CAST(c.relkind AS VARCHAR), CAST(c.reltuples AS BIGINT)
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ${nameLiteral(schema)} AND c.relkind IN ('r', 'v', 'm') AND c.relname !~ '^mv_tbl__'
  AND has_table_privilege(c.oid, 'SELECT')
ORDER BY 1
LIMIT 10000`,

  table: ({ schema, name }: TableRef) => `SELECT CAST(c.oid AS BIGINT), CAST(c.relkind AS VARCHAR),
  has_schema_privilege(n.nspname, 'USAGE'), has_table_privilege(c.oid, 'SELECT'), array_to_string(k.conkey, ',')
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid AND k.contype = 'p'
WHERE n.nspname = ${nameLiteral(schema)} AND c.relname = ${nameLiteral(name)} AND c.relkind IN ('r', 'v', 'm')`,

  columns: (
    oid: string,
  ) => `SELECT a.attnum, CAST(a.attname AS VARCHAR), format_type(a.atttypid, a.atttypmod), a.attnotnull
FROM pg_catalog.pg_attribute a
WHERE a.attrelid = ${Number(oid)} AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum`,

  lateColumns: ({ schema, name }: TableRef) => `SELECT v.position, v.name, v.type, FALSE
FROM pg_get_late_binding_view_cols() AS v (schema_name NAME, view_name NAME, name NAME, type VARCHAR, position INT)
WHERE v.schema_name = ${nameLiteral(schema)} AND v.view_name = ${nameLiteral(name)}
ORDER BY 1`,

  /** Tables of the staging schema by the beginning of their names. */
  staged: (stagingSchema: string, prefix: string) => `SELECT CAST(c.relname AS VARCHAR)
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ${nameLiteral(stagingSchema)} AND c.relkind = 'r' AND c.relname ~ ${nameLiteral(`^${prefix}`)}
ORDER BY 1`,
} as const
