import type { SnowflakeType } from './types.ts'

export type Column = {
  readonly name: string
  /** Its name in DuckDB's table, which a rename does not change. */
  readonly physical: string
  readonly type: SnowflakeType
  readonly isNullable: boolean
  /** As SQL of DuckDB's; null = none. */
  readonly fallback: string | null
}

export type ObjectPlace = { readonly database: string; readonly schema: string; readonly name: string }

type Owned = {
  readonly database: string
  readonly schema: string
  name: string
  owner: string
  readonly createdAt: number
  comment: string
}

/** Rows carry their id, the version that brought them and the one that took them away, so that any version can be read. */
export type StoredTable = Owned & {
  readonly kind: 'TABLE'
  /** Tells a table from one that was made again under its name. */
  readonly id: number
  readonly physical: string
  columns: readonly Column[]
  primaryKey: readonly string[]
  readonly life: 'PERMANENT' | 'TRANSIENT' | 'TEMPORARY'
  /** The session that sees it; null = all. */
  readonly sessionId: number | null
  /** The version from which changes are kept; null = they are not. */
  trackedSince: number | null
  retentionDays: number
  extensionDays: number
  readonly createdVersion: number
  changedAt: number
  isDropped: boolean
}

export type StoredView = Owned & {
  readonly kind: 'VIEW'
  readonly id: number
  readonly query: string
  readonly isSecure: boolean
  /** What it reads, tables and views. */
  readonly reads: readonly ObjectPlace[]
  columns: readonly Column[]
  trackedSince: number | null
  isDropped: boolean
}

export type StoredStream = Owned & {
  readonly kind: 'STREAM'
  readonly source: ObjectPlace
  readonly sourceId: number
  readonly sourceKind: 'TABLE' | 'VIEW'
  readonly mode: 'DEFAULT' | 'APPEND_ONLY'
  /** The version from which on changes are given. */
  offset: number
  /** When it was made or last consumed: it is stale when this lies too far back. */
  offsetAt: number
  /** Whether the rows of `offset` itself are given, as inserts (SHOW_INITIAL_ROWS, until first consumed). */
  isInitial: boolean
}

export type StoredObject = StoredTable | StoredView | StoredStream
