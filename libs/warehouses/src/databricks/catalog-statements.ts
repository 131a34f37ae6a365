import type { TableRef } from '../warehouse.ts'
import { quoteName, quoteTable, textLiteral } from './identifiers.ts'

/** What is asked of the catalogue. Those of `information_schema` need Unity Catalog. */
export const catalogStatements = {
  schemas: (catalog: string) => `SHOW SCHEMAS IN ${quoteName(catalog)}`,
  tables: (catalog: string, schema: string) => `SHOW TABLES IN ${quoteName(catalog)}.${quoteName(schema)}`,
  views: (catalog: string, schema: string) => `SHOW VIEWS IN ${quoteName(catalog)}.${quoteName(schema)}`,
  describe: (catalog: string, table: TableRef) => `DESCRIBE TABLE EXTENDED ${quoteTable(catalog, table)}`,
  detail: (catalog: string, table: TableRef) => `DESCRIBE DETAIL ${quoteTable(catalog, table)}`,
  properties: (catalog: string, table: TableRef) => `SHOW TBLPROPERTIES ${quoteTable(catalog, table)}`,
  latest: (catalog: string, table: TableRef) => `DESCRIBE HISTORY ${quoteTable(catalog, table)} LIMIT 1`,
  key: (catalog: string, { schema, name }: TableRef) => `SELECT k.column_name AS name
FROM ${quoteName(catalog)}.information_schema.table_constraints AS c
JOIN ${quoteName(catalog)}.information_schema.key_column_usage AS k
  ON k.constraint_schema = c.constraint_schema AND k.constraint_name = c.constraint_name
  AND k.table_schema = c.table_schema AND k.table_name = c.table_name
WHERE c.constraint_type = 'PRIMARY KEY'
  AND c.table_schema = LOWER(${textLiteral(schema)}) AND c.table_name = LOWER(${textLiteral(name)})
ORDER BY k.ordinal_position`,
} as const
