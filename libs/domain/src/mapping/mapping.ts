import type { ProfileKind, TableType } from '../words.ts'

/**
 * How the columns of a table become updates of one table type. Stored per sync in numbered versions; a run is pinned to
 * one version. Column names are the catalogue's exact spelling. Guide: "Table Types".
 */
export type EventsMapping = {
  readonly tableType: 'events'
  readonly eventName: { readonly column: string } | { readonly value: string }
  readonly time: string
  readonly userId?: string
  readonly deviceId?: string
  /** A json column, or one of text that holds JSON objects, whose keys become properties of their own. Named columns win over its keys. */
  readonly jsonProperties?: string
} & PropertySelection

export type UserProfilesMapping = {
  readonly tableType: 'user_profiles'
  readonly profileKind: ProfileKind
  readonly userId: string
  readonly jsonProperties?: string
  /** History profiles only: when the properties of the row become active. */
  readonly startTime?: string
  /** Profiles: what a NULL column does. `keep` leaves the property as it is, `unset` removes it. */
  readonly nulls?: 'keep' | 'unset'
} & PropertySelection

export type GroupProfilesMapping = {
  readonly tableType: 'group_profiles'
  readonly profileKind: ProfileKind
  /** The project's group key, such as `company`. */
  readonly groupKey: string
  readonly groupId: string
  readonly jsonProperties?: string
  readonly startTime?: string
  readonly nulls?: 'keep' | 'unset'
} & PropertySelection

export type LookupTableMapping = {
  readonly tableType: 'lookup_table'
  readonly lookupTableId: string
  readonly id: string
} & PropertySelection

/** All columns that have no other part are sent as properties, unless left out; a property can be given another name. */
export type PropertySelection = {
  readonly leaveOut?: readonly string[]
  readonly rename?: Readonly<Record<string, string>>
}

export type Mapping = EventsMapping | UserProfilesMapping | GroupProfilesMapping | LookupTableMapping

export type MappingOf<T extends TableType> = Extract<Mapping, { tableType: T }>
