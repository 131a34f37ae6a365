import { microsOf, timeText } from '../time-text.ts'
import type { FoundTable } from './catalog.ts'
import { quoteColumn } from './identifiers.ts'

export type Partition = { readonly id: string; readonly rows: number; readonly modifiedAt: bigint }

/** A change may be taken down a little after the moment it belongs to; what is read twice for it costs little. */
const marginMicros = 600_000_000n
/** Conditions are text of a statement, and that is bounded. */
const rangesMax = 1000

/** Reads what `partitionsStatement` gives. */
export function partitionsOf(text: string | null): readonly Partition[] {
  if (text === null || text === '') return []
  return text.split(',').map((each) => {
    const [id = '', rows, micros] = each.split(':')
    return { id, rows: Number(rows), modifiedAt: BigInt(micros ?? '0') }
  })
}

/** What the cursor keeps of them. */
export function rowsByPartition(partitions: readonly Partition[]): Readonly<Record<string, number>> {
  return Object.fromEntries(partitions.map(({ id, rows }) => [id, rows]))
}

export type PartitionHistory = {
  /** Rows by partition of the snapshot before, taken at `at`. */
  readonly old: Readonly<Record<string, number>>
  readonly at: string
  /** Those of the snapshot now. */
  readonly now: readonly Partition[]
  /** Those of the table, asked for after the snapshot was taken: they know when each was changed last. */
  readonly table: readonly Partition[]
}

/**
 * Ids of the partitions that may differ between the two snapshots: new ones, vanished ones, those with another number of rows,
 * and those that were changed since. null when it cannot be told: rows that are in no partition yet, ids of another form.
 */
export function changedPartitions({ old, at, now, table }: PartitionHistory): readonly string[] | null {
  const since = microsOf(at) - marginMicros
  const modified = new Map(table.map(({ id, modifiedAt }) => [id, modifiedAt]))
  const present = new Set(now.map(({ id }) => id))
  const all = [...now.map(({ id }) => id), ...Object.keys(old), ...modified.keys()]
  if (!all.every((id) => id === nullId || startOf(id) !== null)) return null
  const changed = now.filter(({ id, rows }) => old[id] !== rows || (modified.get(id) ?? since) >= since)
  return [...changed.map(({ id }) => id), ...Object.keys(old).filter((id) => !present.has(id))].sort()
}

const nullId = '__NULL__'

/**
 * A condition with constants that leaves just these partitions, so that BigQuery reads no others; null when it would be too
 * long. https://cloud.google.com/bigquery/docs/querying-partitioned-tables
 */
export function partitionFilter(found: FoundTable, ids: readonly string[]): string | null {
  const { column, kind } = found.partitioning
  const name = kind === 'ingestion_time' ? '_PARTITIONTIME' : quoteColumn(column ?? '')
  const literal = literalOf(found)
  const ranges = rangesOf(ids)
  if (ranges.length > rangesMax) return null
  const conditions = ranges.map(({ start, end }) => `(${name} >= ${literal(start)} AND ${name} < ${literal(end)})`)
  if (ids.includes(nullId)) conditions.push(`${name} IS NULL`)
  return conditions.length === 0 ? 'FALSE' : `(${conditions.join(' OR ')})`
}

function literalOf({ partitioning: { kind, column }, columns }: FoundTable): (millis: number) => string {
  const rule = kind === 'ingestion_time' ? 'timestamp' : columns.find(({ name }) => name === column)?.rule
  const text = (millis: number) => timeText(BigInt(millis) * 1000n)
  if (rule === 'date') return (millis) => `DATE '${text(millis).slice(0, 10)}'`
  if (rule === 'datetime') return (millis) => `DATETIME '${text(millis)}'`
  return (millis) => `TIMESTAMP '${text(millis)}+00'`
}

type Range = { readonly start: number; readonly end: number }

/** Partitions side by side become one range. */
function rangesOf(ids: readonly string[]): readonly Range[] {
  const ranges: Range[] = []
  for (const id of ids) {
    const start = startOf(id)
    if (start === null) continue
    const last = ranges.at(-1)
    if (last !== undefined && last.end === start) ranges[ranges.length - 1] = { start: last.start, end: endOf(id) }
    else ranges.push({ start, end: endOf(id) })
  }
  return ranges
}

/** Ids are YYYY, YYYYMM, YYYYMMDD or YYYYMMDDHH; null for any other. */
function startOf(id: string): number | null {
  const match = /^(\d{4})(\d\d)?(\d\d)?(\d\d)?$/.exec(id)
  if (match === null) return null
  const [, year = '', month = '01', day = '01', hour = '00'] = match
  const millis = Date.parse(`${year}-${month}-${day}T${hour}:00:00Z`)
  return Number.isNaN(millis) ? null : millis
}

function endOf(id: string): number {
  const end = new Date(startOf(id) ?? Number.NaN)
  if (id.length === 4) end.setUTCFullYear(end.getUTCFullYear() + 1)
  else if (id.length === 6) end.setUTCMonth(end.getUTCMonth() + 1)
  else if (id.length === 8) end.setUTCDate(end.getUTCDate() + 1)
  else end.setUTCHours(end.getUTCHours() + 1)
  return end.getTime()
}

/**
 * Whether the partitions that did not change can be left out. They can when the rows of one identity are always in one
 * partition: the whole row holds the column that partitions, and so must a key. Rows of ingestion time hold no such column:
 * identical ones may be in several partitions, which only matters for deletes (`if_no_deletes`).
 */
export function mayPrune(found: FoundTable, identity: readonly string[]): 'yes' | 'no' | 'if_no_deletes' {
  const { kind, column, unit } = found.partitioning
  if (unit === null) return 'no'
  if (kind === 'ingestion_time') return identity.length === 0 ? 'if_no_deletes' : 'no'
  return identity.length === 0 || identity.includes(column ?? '') ? 'yes' : 'no'
}
