import type { Column, RowSchema } from '@millrace/domain/row-schema.ts'
import type { SyncCursor } from '../warehouse.ts'

/** What a mirrored sync remembers of its last succeeded run: `nextCursor.pin` of its plan, plain JSON. */
export type MirrorCursor = {
  /** Name of the table that holds the rows as they were, in the warehouse's own staging place. */
  readonly snapshot: string
  /** The moment of the snapshot, in the warehouse's own text. */
  readonly at: string
  /** Tells the table from one that was made anew under its name: a creation time or an object id. */
  readonly tableId: string
  /** The table's schema at that moment. */
  readonly schema: RowSchema
  /** Rows of the snapshot, identical ones (or those of one key) counted once. */
  readonly rows: number
  /** Milliseconds since 1970 at which the warehouse removes the snapshot by itself; absent = never. */
  readonly expiresAt?: number
  /** Rows per partition, by the partition's id; absent when the table has none, or too many. */
  readonly partitions?: Readonly<Record<string, number>>
}

/** null for a first run. Throws a plain Error for a cursor that no mirror run has written: a bug, not the user's. */
export function mirrorCursor(cursor: SyncCursor | null): MirrorCursor | null {
  if (cursor === null) return null
  const pin = cursor.pin as Partial<MirrorCursor>
  const { snapshot, at, tableId, schema, rows, expiresAt, partitions } = pin
  const ok =
    isText(snapshot) &&
    isText(at) &&
    isText(tableId) &&
    isSchema(schema) &&
    isCount(rows) &&
    (expiresAt === undefined || isCount(expiresAt)) &&
    (partitions === undefined || (isRecord(partitions) && Object.values(partitions).every(isCount)))
  if (!ok) throw new Error('the cursor is not one of a mirror run')
  return {
    snapshot,
    at,
    tableId,
    schema,
    rows,
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(partitions === undefined ? {} : { partitions }),
  }
}

/** The cursor that a run leaves to the next one. */
export function cursorOf(next: MirrorCursor): SyncCursor {
  return { hi: null, pin: { ...next } }
}

function isSchema(value: unknown): value is RowSchema {
  if (!isRecord(value)) return false
  const { table, columns, key } = value as Partial<RowSchema>
  return isText(table) && Array.isArray(columns) && columns.every(isColumn) && Array.isArray(key) && key.every(isText)
}

function isColumn(value: unknown): value is Column {
  if (!isRecord(value)) return false
  return isText(value.name) && isText(value.sourceType) && isText(value.type)
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
