import type { ModelRow, ModelTable } from '../mirror/model-table.ts'
import type { Cell, Shape } from './expected-cells.ts'

const startMicros = 1_709_251_200_000_000n // 2024-03-01
const rowsBefore = 20

/** Who a row is about: `<table>-7`. */
export const personOf = (table: string, n: number) => `${table}-${n}`

function rowOf(table: string, n: number, name: string): ModelRow {
  const time = startMicros + BigInt(n) * 1_000_000n
  return [BigInt(n), personOf(table, n), name, time, time]
}

export function emptyTable(name: string): ModelTable {
  return {
    name,
    columns: [
      { name: 'n', type: 'integer' },
      { name: 'person', type: 'string' },
      { name: 'name', type: 'string' },
      { name: 'happened_at', type: 'timestamp' },
      { name: 'inserted_at', type: 'timestamp' },
    ],
    key: ['n'],
    rows: [],
  }
}

export function firstRows(table: string): readonly ModelRow[] {
  return Array.from({ length: rowsBefore }, (_, i) => rowOf(table, i + 1, 'old'))
}

/** Between the runs: rows 1 and 2 change, 3 goes, 21 to 23 come. */
export function changesOf(table: string) {
  const update = (n: number) =>
    ({ kind: 'update', row: rowOf(table, n, 'old'), to: rowOf(table, n, 'new'), all: true }) as const
  return [
    update(1),
    update(2),
    { kind: 'delete', row: rowOf(table, 3, 'old'), all: true },
    { kind: 'insert', rows: [21, 22, 23].map((n) => rowOf(table, n, 'new')) },
  ] as const
}

/** The sync of a cell, as the control API takes it. `quietHour` of UTC: scheduled runs of it would be one too many. */
export function syncOf(
  { shape, mode, schedule }: Cell,
  place: { readonly schema: string; readonly table: string; readonly quietHour: number },
) {
  const [tableType] = shape.split('/') as [string]
  return {
    name: place.table,
    table: { schema: place.schema, name: place.table },
    tableType,
    mode,
    schedule: scheduleOf(schedule, place.quietHour),
    ...(mode === 'append' ? { insertTimeColumn: 'inserted_at' } : {}),
    mapping: mappingOf(shape, place.table),
  }
}

function scheduleOf(kind: Cell['schedule'], quietHour: number) {
  const time = `${String(quietHour).padStart(2, '0')}:30`
  if (kind === 'daily') return { kind, time, zone: 'UTC' }
  return kind === 'weekly' ? { kind, day: 1, time, zone: 'UTC' } : { kind }
}

function mappingOf(shape: Shape, table: string) {
  switch (shape) {
    case 'events':
      return { tableType: 'events', eventName: { value: 'Visit' }, time: 'happened_at', userId: 'person' }
    case 'user_profiles/standard':
      return { tableType: 'user_profiles', profileKind: 'standard', userId: 'person' }
    case 'user_profiles/history':
      return { tableType: 'user_profiles', profileKind: 'history', userId: 'person', startTime: 'happened_at' }
    case 'group_profiles/standard':
      return { tableType: 'group_profiles', profileKind: 'standard', groupKey: table, groupId: 'person' }
    case 'group_profiles/history':
      return {
        tableType: 'group_profiles',
        profileKind: 'history',
        groupKey: table,
        groupId: 'person',
        startTime: 'happened_at',
      }
    case 'lookup_table':
      return { tableType: 'lookup_table', lookupTableId: table, id: 'person' }
  }
}
