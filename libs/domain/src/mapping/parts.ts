import type { ColumnType, RowSchema } from '../row-schema.ts'
import type { Mapping } from './mapping.ts'

/** A column that a mapping gives a part of its own, and the types that can play it. */
export type Part = { readonly path: string; readonly column: string; readonly types: readonly ColumnType[] }

const ids: readonly ColumnType[] = ['string', 'integer']
const times: readonly ColumnType[] = ['timestamp', 'date']
// Many tables hold JSON in text columns; whether a row's text is JSON is known row by row.
const json: readonly ColumnType[] = ['json', 'string']

/** The parts of a mapping, each with its path in the mapping. */
export function partsOf(mapping: Mapping): readonly Part[] {
  const parts: Part[] = []
  const add = (path: string, column: string | undefined, types: readonly ColumnType[]) => {
    if (column !== undefined) parts.push({ path, column, types })
  }
  switch (mapping.tableType) {
    case 'events':
      if ('column' in mapping.eventName) add('eventName.column', mapping.eventName.column, ['string'])
      add('time', mapping.time, times)
      add('userId', mapping.userId, ids)
      add('deviceId', mapping.deviceId, ids)
      add('jsonProperties', mapping.jsonProperties, json)
      break
    case 'user_profiles':
      add('userId', mapping.userId, ids)
      add('startTime', mapping.startTime, times)
      add('jsonProperties', mapping.jsonProperties, json)
      break
    case 'group_profiles':
      add('groupId', mapping.groupId, ids)
      add('startTime', mapping.startTime, times)
      add('jsonProperties', mapping.jsonProperties, json)
      break
    case 'lookup_table':
      add('id', mapping.id, ids)
      break
  }
  return parts
}

/** A column that is sent as a property, by its position in the schema. */
export type PropertyColumn = { readonly index: number; readonly column: string; readonly property: string }

/** All columns without a part of their own that are not left out, under their new names, in the order of the table. */
export function propertyColumns(mapping: Mapping, schema: RowSchema): readonly PropertyColumn[] {
  const taken = new Set([...partsOf(mapping).map((part) => part.column), ...(mapping.leaveOut ?? [])])
  const renames = new Map(Object.entries(mapping.rename ?? {}))
  return schema.columns.flatMap(({ name }, index) =>
    taken.has(name) ? [] : [{ index, column: name, property: renames.get(name) ?? name }],
  )
}
