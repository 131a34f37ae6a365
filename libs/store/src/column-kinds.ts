import type { ColumnType } from 'kysely'

/** How a column is read, inserted and updated: jsonb goes in as text, defaults and NULL may be left out. */
export type Json<T> = ColumnType<T, string, string>
export type NullableJson<T> = ColumnType<T | null, string | null | undefined, string | null>
export type Nullable<T> = ColumnType<T | null, T | null | undefined, T | null>
export type WithDefault<T> = ColumnType<T, T | undefined, T>
export type CreatedAt = ColumnType<Date, Date | undefined, never>
