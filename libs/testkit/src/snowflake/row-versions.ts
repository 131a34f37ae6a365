import type { StoredTable } from './catalog-objects.ts'
import { duckIdentifier } from './names.ts'

/** SQL for the rows of a table at a version, or (null) the last one with what the transaction itself did. */
export function rowsAt(table: StoredTable, version: number | null, transactionId: number, extra = ''): string {
  const columns = table.columns.map(({ name, physical }) => `${physical} AS ${duckIdentifier(name)}`).join(', ')
  return `SELECT ${extra}${columns} FROM ${table.physical} WHERE ${visibleAt(version, transactionId)}`
}

export function visibleAt(version: number | null, transactionId: number): string {
  if (version === null) {
    const mine = `"~FROM" = ${-transactionId}`
    return `("~FROM" >= 0 OR ${mine}) AND ("~TO" IS NULL OR ("~TO" < 0 AND "~TO" <> ${-transactionId}))`
  }
  return `"~FROM" BETWEEN 0 AND ${version} AND ("~TO" IS NULL OR "~TO" < 0 OR "~TO" > ${version})`
}

/** The hidden columns of the rows, as a stream needs them. */
export const rowMarks = '"~RID" AS "~RID", CAST("~FROM" AS VARCHAR) AS "~VER", '
