import type { EventsMapping } from '../mapping/mapping.ts'
import type { WarehouseKind } from '../words.ts'
import type { SyncDefinition } from './sync-definition.ts'

/** The name under which all daily tables of a Google Analytics 4 export are one. */
export const ga4TableName = 'events_*'

/** The day of a row's daily table. */
export const ga4DayColumn = 'event_date'

/** Event parameters and user properties by their keys. */
export const ga4PropertiesColumn = 'properties'

/** Google exports to one dataset per property. https://support.google.com/analytics/answer/7029846 */
export function isGa4Dataset(schema: string): boolean {
  return /^analytics_[0-9]{1,20}$/.test(schema)
}

/** Is this the table that stands for a Google Analytics 4 export? */
export function isGa4Table(
  warehouse: WarehouseKind,
  table: { readonly schema: string; readonly name: string },
): boolean {
  return warehouse === 'bigquery' && table.name === ga4TableName && isGa4Dataset(table.schema)
}

/** What most people want of such a table, to begin with; `time` and `zone` of the schedule are theirs to choose. */
export type SyncSuggestion = Pick<SyncDefinition, 'tableType' | 'mode' | 'insertTimeColumn' | 'schedule'> & {
  readonly mapping: EventsMapping
}

export const ga4Suggestion: SyncSuggestion = {
  tableType: 'events',
  mode: 'append',
  insertTimeColumn: ga4DayColumn,
  schedule: { kind: 'daily', time: '18:00', zone: 'UTC' },
  mapping: {
    tableType: 'events',
    eventName: { column: 'event_name' },
    time: 'event_timestamp',
    userId: 'user_id',
    deviceId: 'user_pseudo_id',
    jsonProperties: ga4PropertiesColumn,
  },
}
