import type { RowSchema } from '../row-schema.ts'
import type { Mapping } from './mapping.ts'

/**
 * The columns whose values are the identity of a row, in order; empty means the whole row. Standard profiles and lookup
 * tables are what their id names, so the mapped id is the identity: the last row of an id wins. Events and the rows of
 * profile history, many to an id, are identified by the table's primary key, and without one by all columns (identical
 * rows are then one).
 */
export function identityColumns(mapping: Mapping, schema: RowSchema): readonly string[] {
  switch (mapping.tableType) {
    case 'events':
      return schema.key
    case 'user_profiles':
      return mapping.profileKind === 'history' ? schema.key : [mapping.userId]
    case 'group_profiles':
      return mapping.profileKind === 'history' ? schema.key : [mapping.groupId]
    case 'lookup_table':
      return [mapping.id]
  }
}
