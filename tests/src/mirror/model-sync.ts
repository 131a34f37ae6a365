/** How a table's columns are sent, in the form in which the control API takes a mapping. */
export type EventsSync = {
  readonly tableType: 'events'
  readonly eventName: { readonly column: string } | { readonly value: string }
  readonly time: string
  readonly userId?: string
  readonly deviceId?: string
  readonly jsonProperties?: string
  readonly leaveOut?: readonly string[]
}

export type UserHistorySync = {
  readonly tableType: 'user_profiles'
  readonly profileKind: 'history'
  readonly userId: string
  readonly startTime: string
}

export type GroupHistorySync = {
  readonly tableType: 'group_profiles'
  readonly profileKind: 'history'
  readonly groupKey: string
  readonly groupId: string
  readonly startTime: string
}

export type ModelSync = EventsSync | UserHistorySync | GroupHistorySync
