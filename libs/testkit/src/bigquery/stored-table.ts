import { invalidQuery } from './api-error.ts'
import type { Partitions } from './partitions.ts'
import type { Field } from './rest-values.ts'

export type TableOptions = {
  /** Without a field, by ingestion time. */
  readonly timePartitioning?: { readonly type: 'HOUR' | 'DAY' | 'MONTH' | 'YEAR'; readonly field?: string }
  readonly requirePartitionFilter?: boolean
  readonly primaryKey?: readonly string[]
}

/** A table or view of the stand-in. Each change makes a version, so that tables can be read as they were. */
export type StoredTable = {
  readonly dataset: string
  readonly name: string
  readonly kind: 'TABLE' | 'VIEW' | 'SNAPSHOT'
  readonly options: TableOptions
  readonly view: string | null
  /** Milliseconds; no two tables have the same. */
  readonly createdAt: number
  fields: readonly Field[]
  versions: readonly Version[]
  expiresAt: number | null
}

export type Version = {
  readonly at: bigint
  readonly physical: string
  readonly rows: number
  readonly bytes: number
  readonly fields: readonly Field[]
  readonly partitions: Partitions | null
}

/** Name of the table of DuckDB that holds the rows as they are now. Throws for a view. */
export function current(table: StoredTable): string {
  return latest(table).physical
}

/** Throws for a view. */
export function latest(table: StoredTable): Version {
  const last = table.versions.at(-1)
  if (last === undefined) throw invalidQuery(`${table.name} is a view`)
  return last
}

/** Such tables have a column that is not in their schema. */
export function isByIngestion({ timePartitioning }: TableOptions): boolean {
  return timePartitioning !== undefined && timePartitioning.field === undefined
}
