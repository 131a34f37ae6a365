import type { TableRef } from '../warehouse.ts'
import { nameLiteral, quoteName, quoteTable } from './identifiers.ts'

const tablesMax = 10_000

/** What is asked of INFORMATION_SCHEMA, which shows what the role may see, and of SHOW, which tells what it does not. */
export const catalogStatements = {
  schemas: (database: string) => `SELECT SCHEMA_NAME
FROM ${quoteName(database)}.INFORMATION_SCHEMA.SCHEMATA
WHERE SCHEMA_NAME <> 'INFORMATION_SCHEMA'
ORDER BY SCHEMA_NAME`,

  tables: (database: string, schema: string) => `SELECT TABLE_NAME, TABLE_TYPE, ROW_COUNT
FROM ${quoteName(database)}.INFORMATION_SCHEMA.TABLES
WHERE TABLE_SCHEMA = ${nameLiteral(schema)}
ORDER BY TABLE_NAME
LIMIT ${tablesMax}`,

  /** When it was made, exactly: another time is another table. */
  table: (
    database: string,
    { schema, name }: TableRef,
  ) => `SELECT TABLE_TYPE, TO_VARCHAR(DATE_PART(epoch_nanosecond, CREATED))
FROM ${quoteName(database)}.INFORMATION_SCHEMA.TABLES
WHERE TABLE_SCHEMA = ${nameLiteral(schema)} AND TABLE_NAME = ${nameLiteral(name)}`,

  columns: (
    database: string,
    { schema, name }: TableRef,
  ) => `SELECT COLUMN_NAME, DATA_TYPE, NUMERIC_PRECISION, NUMERIC_SCALE, IS_NULLABLE
FROM ${quoteName(database)}.INFORMATION_SCHEMA.COLUMNS
WHERE TABLE_SCHEMA = ${nameLiteral(schema)} AND TABLE_NAME = ${nameLiteral(name)}
ORDER BY ORDINAL_POSITION`,

  primaryKeys: (database: string, table: TableRef) => `SHOW PRIMARY KEYS IN TABLE ${quoteTable(database, table)}`,

  /** Tables of the connector's schema whose names begin so. */
  staged: (database: string, schema: string, prefix: string) => `SELECT TABLE_NAME
FROM ${quoteName(database)}.INFORMATION_SCHEMA.TABLES
WHERE TABLE_SCHEMA = ${nameLiteral(schema)} AND STARTSWITH(TABLE_NAME, ${nameLiteral(prefix)})
ORDER BY TABLE_NAME`,

  streams: (database: string, schema: string, prefix: string) =>
    `SHOW STREAMS STARTS WITH ${nameLiteral(prefix)} IN SCHEMA ${quoteName(database)}.${quoteName(schema)}`,

  /** Statements of a run that are at work still. */
  running: (database: string, tag: string) => `SELECT QUERY_ID
FROM TABLE(${quoteName(database)}.INFORMATION_SCHEMA.QUERY_HISTORY_BY_USER(RESULT_LIMIT => 10000))
WHERE QUERY_TAG = ${nameLiteral(tag)} AND EXECUTION_STATUS IN ('RUNNING', 'QUEUED', 'BLOCKED')`,

  cancel: (queryId: string) => `SELECT SYSTEM$CANCEL_QUERY(${nameLiteral(queryId)})`,
} as const
