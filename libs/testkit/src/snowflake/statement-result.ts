import { duckIdentifier, literal } from './names.ts'

/** What a statement gives: rows by a query of DuckDB's, and what kind of statement it was (statementTypeId). */
export type StatementResult = { readonly sql: string; readonly typeId: number }

export const typeIds = {
  select: 0x1000,
  dml: 0x3000,
  insert: 0x3100,
  update: 0x3200,
  delete: 0x3300,
  merge: 0x3400,
  show: 0x4000,
  control: 0x4100,
  begin: 0x5000,
  ddl: 0x6000,
} as const

/** The one row with the one column `status` that DDL answers. */
export function statusResult(status: string, typeId: number = typeIds.ddl): StatementResult {
  return { sql: `SELECT ${literal(status)} AS ${duckIdentifier('status')}`, typeId }
}

/** The counts that DML answers, each under its name. */
export function countsResult(counts: Readonly<Record<string, number>>, typeId: number): StatementResult {
  const cells = Object.entries(counts).map(([name, count]) => `${count} AS ${duckIdentifier(name)}`)
  return { sql: `SELECT ${cells.join(', ')}`, typeId }
}
