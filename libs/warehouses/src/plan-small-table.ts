import type { RowSchema } from '@millrace/domain/row-schema.ts'
import { shown } from './shown.ts'
import type { SmallTable } from './small-table.ts'
import type { PlanRequest, ReadPlan } from './warehouse.ts'
import { WarehouseError } from './warehouse-error.ts'

const dayMs = 86_400_000

/**
 * The plan of a run that reads a table as one chunk: full, one-time, and append by insert time (microseconds since 1970). Throws
 * `mode_not_supported` for mirror, `column_not_found` and `insert_time_column_invalid`.
 */
export function planSmallTable(request: PlanRequest, found: SmallTable): ReadPlan {
  const { mode, tableType, table, cursor } = request
  const { description, schemaFingerprint } = found
  const schema = { table: description.table, columns: description.columns, key: description.key }
  if (mode === 'mirror')
    throw new WarehouseError('mode_not_supported', `${shown(table)} cannot be mirrored.`, 'Use another mode.')
  const identity = request.identity.length > 0 ? request.identity : schema.key
  for (const name of identity) requireColumn(request, schema, name)
  const known = { mode, tableType, table, schema, identity, schemaFingerprint, before: [], changes: null, pin: {} }
  if (mode !== 'append') {
    const rowsEstimate = found.count(null, false)
    return { ...known, range: null, chunks: [{}], rowsEstimate, rowsReadAgain: 0, rowsLeftOut: 0, nextCursor: null }
  }
  const column = requireColumn(request, schema, request.insertTimeColumn ?? '')
  const { time, rowsLeftOut } = found.latest(column.name)
  const lo = cursor?.hi ?? null
  // The latest row may be gone since the last run; what was read stays read.
  const hi = time !== null && (lo === null || time > BigInt(lo)) ? String(time) : lo
  // Rows that come later on the same day as the last one that was read would otherwise never be read.
  const overlapMs = column.type === 'date' ? Math.max(request.overlapMs, dayMs) : request.overlapMs
  const range = { column: column.name, lo, hi, overlapMs }
  if (hi === null)
    return { ...known, range, chunks: [], rowsEstimate: 0, rowsReadAgain: 0, rowsLeftOut, nextCursor: null }
  const distinct = tableType === 'events' && identity.length === 0
  const overlap = { overlapMs, rows: found.count({ ...range, lo: hi }, distinct) }
  const last = cursor?.pin.overlap as typeof overlap | undefined
  const again = lo === null ? 0 : found.count({ ...range, hi: lo }, distinct)
  return {
    ...known,
    range,
    chunks: [{}],
    rowsEstimate: found.count(range, false),
    // Rows beyond those that the last run counted have come late.
    rowsReadAgain: last?.overlapMs === overlapMs ? Math.min(last.rows, again) : again,
    rowsLeftOut,
    nextCursor: { hi, pin: { overlap } },
  }
}

function requireColumn({ table, mode, insertTimeColumn }: PlanRequest, { columns }: RowSchema, name: string) {
  const column = columns.find((each) => each.name === name)
  if (column === undefined)
    throw new WarehouseError(
      'column_not_found',
      `${shown(table)} has no column ${JSON.stringify(name).slice(0, 150)}.`,
      'It was dropped or renamed: correct the sync.',
    )
  const isTime = column.type === 'timestamp' || column.type === 'date'
  if (mode === 'append' && name === insertTimeColumn && !isTime)
    throw new WarehouseError(
      'insert_time_column_invalid',
      `The column ${JSON.stringify(name)} of ${shown(table)} has the type ${column.sourceType}, which tells no time.`,
      'Choose a column of timestamps or dates.',
    )
  return column
}
