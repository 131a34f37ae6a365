import type { ColumnType } from '@millrace/domain/row-schema.ts'
import fc from 'fast-check'
import type { CellKinds } from './cell-arbitrary.ts'
import * as cells from './cell-arbitrary.ts'
import type { ModelSync } from './model-sync.ts'
import type { Cell, ModelColumn, ModelTable } from './model-table.ts'

/** A row to come: cells of the table's first columns, and what it has in columns that are added later, by their type. */
export type RowSample = {
  readonly cells: readonly Cell[]
  readonly added: Readonly<Partial<Record<ColumnType, Cell>>>
}

export type Part = 'time' | 'id' | 'name' | 'key' | 'other'

/** Something that happens to a table; `at` picks one of its rows, wherever it is past their number. */
export type Command =
  | { readonly kind: 'insert'; readonly row: RowSample }
  | { readonly kind: 'copy'; readonly at: number }
  | { readonly kind: 'change'; readonly at: number; readonly part: Part; readonly row: RowSample }
  | { readonly kind: 'delete'; readonly at: number }
  | { readonly kind: 'delete_share'; readonly percent: number }
  | { readonly kind: 'add_column'; readonly type: ColumnType; readonly valued: number; readonly row: RowSample }

/** A table and a sync before anything has happened; `parts` are the columns by what a change may touch. */
export type Shape = {
  readonly columns: readonly ModelColumn[]
  readonly key: readonly string[]
  readonly hasUniqueKey: boolean
  readonly sync: ModelSync
  readonly parts: Readonly<Record<Part, readonly string[]>>
  /** Of a warehouse that has partitions: by which the table has them. */
  readonly partition: 'none' | 'time'
}

export type History = {
  readonly shape: Shape
  readonly rows: readonly RowSample[]
  /** What happens before the first run, which is nothing, and before each later one. */
  readonly rounds: readonly (readonly Command[])[]
}

/** Histories of tables of every kind, for a warehouse that can hold such values. */
export function historyArbitrary(kinds: CellKinds): fc.Arbitrary<History> {
  return shapeArbitrary(kinds).chain((shape) => {
    const row = rowArbitrary(shape, kinds)
    const command = commandArbitrary(shape, row, kinds)
    return fc.record({
      shape: fc.constant(shape),
      rows: fc.array(row, { minLength: 0, maxLength: 14 }),
      rounds: fc.array(fc.array(command, { maxLength: 6 }), { minLength: 2, maxLength: 5 }),
    })
  })
}

/** Keeps its columns' order: the identity, what is keyed on, properties, columns that are often NULL at the end. */
function shapeArbitrary(kinds: CellKinds): fc.Arbitrary<Shape> {
  return fc
    .record({
      tableType: fc.constantFrom('events', 'events', 'events', 'user_profiles', 'group_profiles') as fc.Arbitrary<
        ModelSync['tableType']
      >,
      key: fc.constantFrom<readonly string[]>(['id'], ['id'], ['code'], ['code', 'id'], [], [], []),
      timeType: fc.constantFrom<ColumnType>('timestamp', 'timestamp', 'timestamp', 'date'),
      hasDevice: fc.boolean(),
      hasName: fc.boolean(),
      hasJson: fc.boolean(),
      properties: fc.shuffledSubarray([...kinds.types], { minLength: 1, maxLength: 4 }),
      leavesOut: fc.boolean(),
      partition: fc.constantFrom<Shape['partition']>('none', 'none', 'time'),
    })
    .map((choice) => shapeOf(choice, kinds.hasUniqueKeys ?? false))
}

type Choice = {
  readonly tableType: ModelSync['tableType']
  readonly key: readonly string[]
  readonly timeType: ColumnType
  readonly hasDevice: boolean
  readonly hasName: boolean
  readonly hasJson: boolean
  readonly properties: readonly ColumnType[]
  readonly leavesOut: boolean
  readonly partition: Shape['partition']
}

function shapeOf(choice: Choice, hasUniqueKeys: boolean): Shape {
  const { tableType, key, timeType, properties, partition } = choice
  const isEvents = tableType === 'events'
  const has = {
    device: isEvents && choice.hasDevice,
    name: isEvents && choice.hasName,
    json: isEvents && choice.hasJson,
  }
  const column = (name: string, type: ColumnType, wanted = true): ModelColumn[] => (wanted ? [{ name, type }] : [])
  const columns = [
    ...column('id', 'integer'),
    ...column('code', 'string', key.includes('code')),
    ...column('happened_at', timeType),
    ...column('who', 'string'),
    ...column('device', 'string', has.device),
    ...column('what', 'string', has.name),
    ...properties.filter((type) => isEvents || type !== 'json').map((type) => ({ name: `a_${type}`, type })),
    ...column('more', 'json', has.json),
    ...column('note', 'string'),
    ...column('tag', 'string'),
  ]
  const sync: ModelSync = isEvents
    ? {
        tableType,
        eventName: has.name ? { column: 'what' } : { value: 'Played "it"' },
        time: 'happened_at',
        userId: 'who',
        ...(has.device ? { deviceId: 'device' } : {}),
        ...(has.json ? { jsonProperties: 'more' } : {}),
        ...(choice.leavesOut ? { leaveOut: ['tag'] } : {}),
      }
    : tableType === 'user_profiles'
      ? { tableType, profileKind: 'history', userId: 'who', startTime: 'happened_at' }
      : { tableType, profileKind: 'history', groupKey: 'company', groupId: 'who', startTime: 'happened_at' }
  const parts = {
    key,
    time: ['happened_at'],
    id: ['who', ...(has.device ? ['device'] : [])],
    name: has.name ? ['what'] : ['note'],
    other: columns.slice(columns.findIndex(({ name }) => name === 'who') + 1).map(({ name }) => name),
  }
  return { columns, key, hasUniqueKey: hasUniqueKeys && key.length > 0, sync, parts, partition }
}

function rowArbitrary(shape: Shape, kinds: CellKinds): fc.Arbitrary<RowSample> {
  const mostly = (good: fc.Arbitrary<Cell>, bad: fc.Arbitrary<Cell>, weight: number) =>
    fc.oneof({ weight, arbitrary: good }, { weight: 1, arbitrary: bad })
  const nullable = (cell: fc.Arbitrary<Cell>, weight = 3) => mostly(cell, fc.constant(null), weight)
  const cellArbitrary = ({ name, type }: ModelColumn): fc.Arbitrary<Cell> => {
    if (name === 'id') return fc.bigInt({ min: 1n, max: 25n })
    if (name === 'code') return fc.constantFrom('a', 'b', 'A', 'ü', 'a|b', "'")
    if (name === 'happened_at')
      return type === 'date' ? mostly(cells.goodDay, cells.badDay, 12) : mostly(cells.goodTime, cells.badTime, 12)
    if (name === 'who') return mostly(cells.goodId, cells.badId, 12)
    if (name === 'device') return mostly(fc.constantFrom<Cell>('d1', 'd2', null), fc.constant('0'), 15)
    if (name === 'what') return mostly(cells.goodName, cells.badName, 15)
    if (name === 'more') return mostly(cells.goodJson, cells.badJson, 12)
    if (name === 'note' || name === 'tag') return nullable(cells.cellOf('string', kinds), 1)
    return nullable(cells.cellOf(type, kinds))
  }
  const added = Object.fromEntries(kinds.types.map((type) => [type, nullable(cells.cellOf(type, kinds))]))
  return fc.record({
    cells: fc.tuple(...shape.columns.map(cellArbitrary)),
    added: fc.record(added) as fc.Arbitrary<RowSample['added']>,
  })
}

function commandArbitrary(shape: Shape, row: fc.Arbitrary<RowSample>, kinds: CellKinds): fc.Arbitrary<Command> {
  const at = fc.nat({ max: 30 })
  const isHistory = shape.sync.tableType !== 'events'
  const type = fc.constantFrom(...kinds.types.filter((each) => !(isHistory && each === 'json')))
  const part = fc.constantFrom<Part>('time', 'time', 'id', 'name', 'key', 'other', 'other')
  return fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('insert'), row }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('copy'), at }) },
    { weight: 8, arbitrary: fc.record({ kind: fc.constant('change'), at, part, row }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete'), at }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete_share'), percent: fc.constantFrom(30, 60, 100) }) },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('add_column'), type, valued: fc.constantFrom(0, 0, 2, 99), row }),
    },
  ) as fc.Arbitrary<Command>
}

/** The table of a shape, empty. */
export function emptyTable({ columns, key }: Shape, name: string): ModelTable {
  return { name, columns, key, rows: [] }
}
