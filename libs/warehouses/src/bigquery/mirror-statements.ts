import {
  bigqueryChecksum,
  type ChecksumColumn,
  keyDigestSql,
  rowChecksumSql,
} from '@millrace/domain/identity/row-checksum-sql.ts'
import { quoteColumn } from './identifiers.ts'
import { type Origin, originSql, resultsHours } from './statements.ts'
import { type TypeRuleName, typeRules } from './types.ts'

/** A snapshot removes itself so long after it was made: the product's promise to its users. */
export const snapshotDays = 21

/** A snapshot costs nothing when it is made: it shares the storage of its table. */
export function snapshotStatement(origin: Origin, quotedSnapshot: string): string {
  return `CREATE SNAPSHOT TABLE ${quotedSnapshot}
CLONE ${originSql(origin)}
OPTIONS (expiration_timestamp = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL ${snapshotDays} DAY))`
}

/** One side of a comparison: a table, or a snapshot of it, with the columns and the key of its time. */
export type DiffSide = {
  readonly quotedTable: string
  readonly columns: readonly { readonly name: string; readonly rule: TypeRuleName }[]
  /** Columns of a row's identity; none = the whole row. */
  readonly key: readonly string[]
}

export type Diff = {
  readonly now: DiffSide
  /** null for a first run. */
  readonly old: DiffSide | null
  /** Columns whose old values are wanted. */
  readonly before: readonly string[]
  /** A condition on the partitions of both sides; null = all. */
  readonly filter: string | null
}

/**
 * What has changed, into a table that removes itself: op, row_id, the new row (c0 …), old values (b0 …). Rows are found by
 * the digest of their key, or of all their values; of several with one key the one with the smallest checksum counts.
 */
export function diffStatement(diff: Diff, quotedResults: string): string {
  return `CREATE TABLE ${quotedResults}
OPTIONS (expiration_timestamp = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL ${resultsHours} HOUR))
AS ${changesStatement(diff)}`
}

/** The comparison itself, as it is estimated. */
export function changesStatement({ now, old, before, filter }: Diff): string {
  const news = now.columns.map((_, i) => `c${i}`)
  const present = sideSql(now, filter, news)
  if (old === null) return `SELECT 'insert' AS op, row_id, ${news.join(', ')}\nFROM ${present}`
  const wanted = before.map((name) => `c${positionOf(old, name)}`)
  const past = sideSql(old, filter, [...new Set(wanted)])
  const columns = [
    "CASE WHEN o.row_id IS NULL THEN 'insert' WHEN n.row_id IS NULL THEN 'delete' ELSE 'update' END AS op",
    'COALESCE(n.row_id, o.row_id) AS row_id',
    ...news.map((name) => `n.${name} AS ${name}`),
    ...wanted.map((name, i) => `o.${name} AS b${i}`),
  ]
  return `SELECT
  ${columns.join(',\n  ')}
FROM ${present} AS n
FULL JOIN ${past} AS o
ON n.row_id = o.row_id
WHERE n.row_id IS NULL OR o.row_id IS NULL OR n.row_sum <> o.row_sum`
}

/** One row for each identity: its id, its checksum and the columns wanted. */
function sideSql({ quotedTable, columns, key }: DiffSide, filter: string | null, wanted: readonly string[]): string {
  const values = columns.map(({ name, rule }, i) => `${typeRules[rule].expression(quoteColumn(name))} AS c${i}`)
  const carried = columns.map(({ rule }, i): ChecksumColumn => ({ type: typeRules[rule].column, sql: `c${i}` }))
  const keyed = key.map((name) => carried[positionOf({ columns }, name)] as ChecksumColumn)
  const checksum = rowChecksumSql(bigqueryChecksum, carried).checksum
  const id = keyed.length === 0 ? 'row_sum' : keyDigestSql(bigqueryChecksum, keyed)
  const rest = wanted.map((name) => `, ${name}`).join('')
  const all = columns.map((_, i) => `, c${i}`).join('')
  return `(
SELECT row_id, row_sum${rest}
FROM (SELECT ${id} AS row_id, row_sum${all}
FROM (SELECT ${checksum} AS row_sum${all}
FROM (SELECT
  ${values.join(',\n  ')}
FROM ${quotedTable}
WHERE ${filter ?? 'TRUE'})))
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (PARTITION BY row_id ORDER BY row_sum) = 1)`
}

function positionOf({ columns }: Pick<DiffSide, 'columns'>, name: string): number {
  const position = columns.findIndex((column) => column.name === name)
  if (position < 0) throw new Error('a column of the comparison is not there')
  return position
}

/** How many of each: inserts, updates, deletes. */
export function countsStatement(quotedResults: string): string {
  const count = (op: string) => `COUNTIF(op = '${op}') AS ${op}s`
  return `SELECT ${count('insert')}, ${count('update')}, ${count('delete')}
FROM ${quotedResults}`
}

/** A table's partitions as one text: `id:rows:microseconds of the last change`, with commas between. */
export function partitionsStatement(projectId: string, dataset: string, table: string): string {
  const parts = ['partition_id', 'CAST(total_rows AS STRING)', 'CAST(UNIX_MICROS(last_modified_time) AS STRING)']
  return `SELECT STRING_AGG(CONCAT(${parts.join(", ':', ")}), ',') AS partitions
FROM \`${projectId}\`.\`${dataset}\`.INFORMATION_SCHEMA.PARTITIONS
WHERE table_name = '${table}' AND partition_id IS NOT NULL`
}
