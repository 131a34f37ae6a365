import { ga4TableName, isGa4Dataset, isGa4Table } from '@millrace/domain/sync/ga4.ts'
import type { TableRef, TableSummary } from '../warehouse.ts'
import { checkDataset } from './identifiers.ts'

/** A daily table. `events_intraday_…` and `events_fresh_…` hold days that are not over, and are left out. */
const dayForm = /^events_20[0-9]{6}$/
/** Of the pattern `events_20*`, under which no intraday table falls, so that none is scanned. */
const prefix = 'events_20'

/** A Google Analytics 4 export: its flat columns, and the newest of its daily tables. */
export type Ga4Export = { readonly select: string; readonly newest: string }

export function isGa4(table: TableRef): boolean {
  return isGa4Table('bigquery', table)
}

/** The tables of a dataset with those of an export's days as one. */
export function withGa4(schema: string, tables: readonly TableSummary[]): readonly TableSummary[] {
  if (!isGa4Dataset(schema) || !tables.some(({ name }) => dayForm.test(name))) return tables
  const others = tables.filter(({ name }) => !/^events_(20[0-9]{6}|(intraday|fresh)_[0-9]{8})$/.test(name))
  return [{ schema, name: ga4TableName, kind: 'table', rowsEstimate: null }, ...others]
}

/** null when there is no daily table yet. */
export function newestDay(names: readonly string[]): string | null {
  return (
    names
      .filter((name) => dayForm.test(name))
      .sort()
      .at(-1) ?? null
  )
}

/**
 * All days, or one of them, as a flat table. Only a filter on the day leaves daily tables unread.
 * https://cloud.google.com/bigquery/docs/querying-wildcard-tables
 */
export function ga4Source(projectId: string, schema: string, { select, newest }: Ga4Export, days: 'all' | 'newest') {
  checkDataset(schema)
  const only =
    days === 'all' ? "REGEXP_CONTAINS(_TABLE_SUFFIX, '^[0-9]{6}$')" : `_TABLE_SUFFIX = '${newest.slice(prefix.length)}'`
  return `(SELECT\n  ${select}\nFROM \`${projectId}\`.\`${schema}\`.\`${prefix}*\`\nWHERE ${only})`
}
