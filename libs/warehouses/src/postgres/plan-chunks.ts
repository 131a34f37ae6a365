import type pg from 'pg'
import type { ReadPlan } from '../warehouse.ts'
import type { FoundTable } from './catalog.ts'
import { quoteTable } from './identifiers.ts'
import { type PostgresChunk, rangeCondition } from './statements.ts'

const chunksMax = 10_000
const whole: PostgresChunk = { kind: 'whole' }

/**
 * Cuts a table into parts that several extractors read at the same time: ranges of pages, since every version of a row
 * that a snapshot sees stays on its page while the snapshot lives. The last range has no end. A condition on ctid holds
 * for each partition by itself, so the ranges cut a partitioned table as well, partition by partition.
 *
 * Views have no pages, and foreign tables and other storage than heap do not promise them: those are one part. So is an
 * append range that holds no more rows than a chunk, which an index on the insert time then finds without a scan.
 */
export async function planChunks(
  client: pg.Client,
  found: FoundTable,
  range: ReadPlan['range'],
  chunkRows: number,
): Promise<{ readonly chunks: readonly PostgresChunk[]; readonly rowsEstimate: number }> {
  if (range !== null) {
    const rows = await countRange(client, found, range, chunkRows)
    if (rows <= chunkRows) return { chunks: [whole], rowsEstimate: rows }
  }
  const rowsEstimate = await estimateRows(client, found)
  const pages = await heapPages(client, found)
  if (pages === null) return { chunks: [whole], rowsEstimate }
  const wanted = Math.min(chunksMax, Math.ceil(rowsEstimate / chunkRows))
  if (wanted <= 1 || pages <= 1) return { chunks: [whole], rowsEstimate }
  return { chunks: pageRanges(pages, Math.ceil(pages / wanted)), rowsEstimate }
}

function pageRanges(pages: number, step: number): readonly PostgresChunk[] {
  const chunks: PostgresChunk[] = []
  for (let from = 0; from < pages; from += step) {
    chunks.push({ kind: 'pages', from, to: from + step < pages ? from + step : null })
  }
  return chunks
}

/** What the planner expects: it takes the pages of now and the rows per page of the last ANALYZE, or of the types. */
async function estimateRows(client: pg.Client, found: FoundTable): Promise<number> {
  const { rows } = await client.query<{ 'QUERY PLAN': readonly [{ readonly Plan: { readonly 'Plan Rows': number } }] }>(
    `EXPLAIN (FORMAT JSON) SELECT * FROM ${quoteTable(found.table)}`,
  )
  return rows[0]?.['QUERY PLAN'][0].Plan['Plan Rows'] ?? 0
}

/** Pages of the largest heap of the table and of what belongs to it; null when one of them has no pages to rely on. */
async function heapPages(client: pg.Client, found: FoundTable): Promise<number | null> {
  if (!['r', 'p', 'm'].includes(found.kind)) return null
  const { rows } = await client.query<{ pages: string; heapsOnly: boolean }>(
    `WITH RECURSIVE members AS (
       SELECT $1::oid AS oid UNION SELECT i.inhrelid FROM members m JOIN pg_inherits i ON i.inhparent = m.oid
     )
     SELECT max(pg_relation_size(c.oid) / current_setting('block_size')::int)::text AS pages,
            bool_and(c.relkind = 'p' OR (c.relkind IN ('r', 'm') AND am.amname = 'heap')) AS "heapsOnly"
     FROM members JOIN pg_class c ON c.oid = members.oid LEFT JOIN pg_am am ON am.oid = c.relam`,
    [found.oid],
  )
  const counted = rows[0]
  return counted?.heapsOnly ? Number(counted.pages) : null
}

/** Rows of a range, exactly up to `rowsMax` and one more. */
async function countRange(
  client: pg.Client,
  found: FoundTable,
  range: NonNullable<ReadPlan['range']>,
  rowsMax: number,
): Promise<number> {
  const { conditions, values } = rangeCondition(range)
  const { rows } = await client.query<{ n: string }>(
    `SELECT count(*)::text AS n FROM (SELECT 1 FROM ${quoteTable(found.table)} WHERE ${conditions.join(' AND ')} LIMIT ${Math.trunc(rowsMax) + 1}) AS counted`,
    [...values],
  )
  return Number(rows[0]?.n ?? 0)
}
