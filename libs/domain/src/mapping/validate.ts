import { type ColumnType, columnTypes, type RowSchema } from '../row-schema.ts'
import { eventNameBytesMax, reservedEventProperties } from './limits.ts'
import type { Mapping } from './mapping.ts'
import { partsOf, propertyColumns } from './parts.ts'

export type MappingProblemCode =
  | 'column_missing'
  | 'column_type'
  | 'column_twice'
  | 'name_reserved'
  | 'name_twice'
  | 'name_empty'
  | 'value_empty'
  | 'value_too_long'
  | 'start_time_missing'
  | 'start_time_not_allowed'
  | 'history_nested'

/** One thing to correct in a mapping; `path` is where it stands: `userId`, `rename.Plan`. */
export type MappingProblem = {
  readonly path: string
  readonly code: MappingProblemCode
  readonly message: string
  readonly hint: string
}

/**
 * Everything that is wrong with a mapping for a table, for the person who wrote it; empty when it can be compiled.
 * `schema` is the table as it stands in the warehouse's catalogue.
 */
export function validateMapping(mapping: Mapping, schema: RowSchema): MappingProblem[] {
  return [
    ...checkParts(mapping, schema),
    ...checkSelection(mapping, schema),
    ...checkNames(mapping, schema),
    ...checkValues(mapping),
    ...checkHistory(mapping, schema),
  ]
}

function checkParts(mapping: Mapping, schema: RowSchema): MappingProblem[] {
  const problems: MappingProblem[] = []
  const taken = new Map<string, string>()
  for (const { path, column, types } of partsOf(mapping)) {
    const found = schema.columns.find((each) => each.name === column)
    const earlier = taken.get(column)
    if (found === undefined) problems.push(columnMissing(path, column, schema))
    else if (!types.includes(found.type))
      problems.push({
        path,
        code: 'column_type',
        message: `${path} needs a column of type ${listOf(types)}, but ${quote(column)} is ${found.type} (${found.sourceType}).`,
        hint: typeHint(types, schema),
      })
    if (earlier !== undefined)
      problems.push({
        path,
        code: 'column_twice',
        message: `${quote(column)} is used for both ${earlier} and ${path}.`,
        hint: 'Give each part a column of its own.',
      })
    taken.set(column, path)
  }
  return problems
}

function checkSelection(mapping: Mapping, schema: RowSchema): MappingProblem[] {
  const named: [string, string][] = [
    ...(mapping.leaveOut ?? []).map((column, i): [string, string] => [`leaveOut.${i}`, column]),
    ...Object.keys(mapping.rename ?? {}).map((column): [string, string] => [`rename.${column}`, column]),
  ]
  return named
    .filter(([, column]) => !schema.columns.some((each) => each.name === column))
    .map(([path, column]) => columnMissing(path, column, schema))
}

function checkNames(mapping: Mapping, schema: RowSchema): MappingProblem[] {
  const problems: MappingProblem[] = []
  const reserved = new Set(mapping.tableType === 'events' ? reservedEventProperties : [])
  const owners = new Map<string, string>()
  if (mapping.tableType === 'lookup_table') owners.set(mapping.rename?.[mapping.id] ?? mapping.id, mapping.id)
  for (const { column, property } of propertyColumns(mapping, schema)) {
    const path = column === property ? 'rename' : `rename.${column}`
    const earlier = owners.get(property)
    if (property === '')
      problems.push({
        path,
        code: 'name_empty',
        message: `${quote(column)} has an empty name as a property.`,
        hint: 'Give it a name.',
      })
    else if (reserved.has(property))
      problems.push({
        path,
        code: 'name_reserved',
        message: `${quote(column)} would be sent as ${quote(property)}, a property that Millrace writes itself.`,
        hint: `Rename the column, for example to ${quote(`${property.replace(/^\$/, '')}_value`)}, or leave it out.`,
      })
    else if (earlier !== undefined)
      problems.push({
        path,
        code: 'name_twice',
        message: `${quote(earlier)} and ${quote(column)} would both be sent as ${quote(property)}.`,
        hint: 'Give one of them another name, or leave it out.',
      })
    owners.set(property, column)
  }
  return problems
}

function checkValues(mapping: Mapping): MappingProblem[] {
  const values: [string, string, number][] = []
  if (mapping.tableType === 'events' && 'value' in mapping.eventName)
    values.push(['eventName.value', mapping.eventName.value, eventNameBytesMax])
  if (mapping.tableType === 'group_profiles') values.push(['groupKey', mapping.groupKey, 255])
  if (mapping.tableType === 'lookup_table') values.push(['lookupTableId', mapping.lookupTableId, 255])
  return values.flatMap(([path, value, most]): MappingProblem[] => {
    if (value === '') return [{ path, code: 'value_empty', message: `${path} is empty.`, hint: 'Give it a value.' }]
    if (Buffer.byteLength(value) <= most) return []
    return [{ path, code: 'value_too_long', message: `${path} is longer than ${most} bytes.`, hint: 'Shorten it.' }]
  })
}

function checkHistory(mapping: Mapping, schema: RowSchema): MappingProblem[] {
  if (mapping.tableType !== 'user_profiles' && mapping.tableType !== 'group_profiles') return []
  if (mapping.profileKind === 'standard') {
    if (mapping.startTime === undefined) return []
    return [
      {
        path: 'startTime',
        code: 'start_time_not_allowed',
        message: 'Only history profiles have a start time.',
        hint: 'Leave startTime out, or set profileKind to history.',
      },
    ]
  }
  const problems: MappingProblem[] = []
  if (mapping.startTime === undefined)
    problems.push({
      path: 'startTime',
      code: 'start_time_missing',
      message: 'History profiles need the column that says when a row becomes active.',
      hint: typeHint(['timestamp', 'date'], schema),
    })
  const sent = [
    ...propertyColumns(mapping, schema).map(({ column, index }) => ({
      path: 'leaveOut',
      column,
      type: schema.columns[index]?.type,
    })),
    ...(mapping.jsonProperties === undefined
      ? []
      : [{ path: 'jsonProperties', column: mapping.jsonProperties, type: 'json' as const }]),
  ]
  for (const { path, column, type } of sent) {
    if (type !== 'json') continue
    problems.push({
      path,
      code: 'history_nested',
      message: `${quote(column)} holds lists or objects, which history profiles cannot have.`,
      hint: 'Leave the column out, or make columns of its values in a view.',
    })
  }
  return problems
}

function columnMissing(path: string, column: string, schema: RowSchema): MappingProblem {
  const names = schema.columns.map((each) => each.name)
  const closest = closestName(column, names)
  return {
    path,
    code: 'column_missing',
    message: `${quote(schema.table)} has no column ${quote(column)}.`,
    hint: closest === undefined ? `Its columns: ${names.map(quote).join(', ')}.` : `Did you mean ${quote(closest)}?`,
  }
}

/** The name within a few typing errors of `wanted`, ignoring case; undefined when none is near. */
export function closestName(wanted: string, names: readonly string[]): string | undefined {
  let best: string | undefined
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1
  for (const name of names) {
    const distance = editDistance(wanted.toLowerCase(), name.toLowerCase())
    if (distance < bestDistance) {
      best = name
      bestDistance = distance
    }
  }
  return best
}

/** Levenshtein distance, one row of the table at a time. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      current.push(Math.min(change, previous[j]! + 1, current[j - 1]! + 1))
    }
    previous = current
  }
  return previous[b.length]!
}

function typeHint(types: readonly ColumnType[], schema: RowSchema): string {
  const fitting = schema.columns.filter((column) => types.includes(column.type)).map((column) => quote(column.name))
  return fitting.length > 0
    ? `Columns that fit: ${fitting.join(', ')}.`
    : `The table has no column of type ${listOf(types)}; cast one in a view.`
}

function listOf(types: readonly ColumnType[]): string {
  return columnTypes.filter((type) => types.includes(type)).join(' or ')
}

function quote(name: string): string {
  return JSON.stringify(name)
}
