import type { Column, RowSchema } from '../row-schema.ts'
import type { Mapping } from './mapping.ts'

/**
 * The columns whose old values an update or delete must carry: those that make up what the destination keys the row on.
 * None for types without mirror. docs/architecture.md, "Changes and their before-images".
 */
export function beforeColumns(mapping: Mapping, schema: RowSchema): readonly Column[] {
  return namesOf(mapping).flatMap((name) => schema.columns.find((column) => column.name === name) ?? [])
}

function namesOf(mapping: Mapping): readonly (string | undefined)[] {
  switch (mapping.tableType) {
    case 'events': {
      const { eventName, time, userId, deviceId } = mapping
      return [time, 'column' in eventName ? eventName.column : undefined, userId, deviceId]
    }
    case 'user_profiles':
      return mapping.profileKind === 'history' ? [mapping.startTime, mapping.userId] : []
    case 'group_profiles':
      return mapping.profileKind === 'history' ? [mapping.startTime, mapping.groupId] : []
    case 'lookup_table':
      return []
  }
}
