import type { Field } from './rest-values.ts'
import type { StoredTable, TableOptions } from './stored-table.ts'

/** A partition of a version: its rows and bytes, a sum over its rows that changes with them, and when that was last. */
export type StoredPartition = {
  readonly rows: number
  readonly bytes: number
  readonly content: string
  readonly modifiedAt: bigint
}
export type Partitions = ReadonlyMap<string, StoredPartition>

const formats = { HOUR: '%Y%m%d%H', DAY: '%Y%m%d', MONTH: '%Y%m', YEAR: '%Y' } as const

/** The column that partitions; tables of ingestion time have one that is not in their schema. */
export function partitionColumn({ timePartitioning }: TableOptions): string | null {
  return timePartitioning === undefined ? null : (timePartitioning.field ?? '_PARTITIONTIME')
}

/** SQL for the id of a row's partition: https://cloud.google.com/bigquery/docs/managing-partitioned-tables */
export function partitionIdSql(options: TableOptions): string | null {
  const column = partitionColumn(options)
  if (column === null || options.timePartitioning === undefined) return null
  const format = formats[options.timePartitioning.type]
  return `coalesce(strftime(make_timestamp(epoch_us("${column}")), '${format}'), '__NULL__')`
}

/** SQL for the bytes of a row as BigQuery counts them, roughly. */
export function rowBytesSql(fields: readonly Field[]): string {
  const texts = fields
    .filter(({ type, mode }) => type === 'STRING' && mode !== 'REPEATED')
    .map(({ name }) => `coalesce(strlen("${name}"), 0)`)
  return [8 * fields.length, ...texts].join(' + ')
}

/** SQL that lists id, rows, bytes and content of each partition. */
export function partitionsSql(physical: string, fields: readonly Field[], id: string): string {
  return `SELECT ${id}, count(*)::BIGINT, sum(${rowBytesSql(fields)})::BIGINT, sum(hash(t)::HUGEINT)::VARCHAR
    FROM ${physical} AS t GROUP BY 1`
}

/** Those of a new version: a partition keeps the time of its last change unless its rows are others, not just its columns. */
export function partitionsFrom(
  rows: readonly (readonly unknown[])[],
  before: Partitions,
  now: bigint,
  changed: 'rows' | 'catalogue',
): Partitions {
  return new Map(
    rows.map(([id, count, bytes, content]): [string, StoredPartition] => {
      const old = before.get(String(id))
      const modifiedAt =
        old !== undefined && (changed === 'catalogue' || old.content === content) ? old.modifiedAt : now
      return [String(id), { rows: Number(count), bytes: Number(bytes), content: String(content), modifiedAt }]
    }),
  )
}

/** INFORMATION_SCHEMA.PARTITIONS of a dataset, as SQL that can stand behind FROM. */
export function partitionsView(tables: readonly StoredTable[]): string {
  const rows = tables.flatMap(({ name, versions }) => {
    const last = versions.at(-1)
    if (last === undefined) return []
    const of = (id: string, { rows, bytes, modifiedAt }: Omit<StoredPartition, 'content'>) =>
      `('${name}', ${id}, ${rows}, ${bytes}, make_timestamptz(${modifiedAt}))`
    if (last.partitions === null) return [of('NULL', { rows: last.rows, bytes: last.bytes, modifiedAt: last.at })]
    return [...last.partitions].map(([id, partition]) => of(`'${id}'`, partition))
  })
  const names = '(table_name, partition_id, total_rows, total_logical_bytes, last_modified_time)'
  const none = '(NULL::VARCHAR, NULL::VARCHAR, 0, 0, NULL::TIMESTAMPTZ)'
  return `(SELECT * FROM (VALUES ${[none, ...rows].join(', ')}) AS p ${names} WHERE table_name IS NOT NULL)`
}
