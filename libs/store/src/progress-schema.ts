import type { Lane } from '@millrace/domain/words.ts'
import type { CreatedAt, Nullable, WithDefault } from './column-kinds.ts'

/** The tables of what loaders record on the way (progress/, rejects/, parkings/); part of `Tables`. */
export type PartitionProgressTable = {
  topic: string
  partition: number
  /** Select as text. */
  next_offset: Nullable<string>
  /** Steps recorded so far. */
  step: WithDefault<number>
  owner: string
}

export type RunProgressTable = {
  run_id: string
  partition: number
  chunk: number
  attempt: number
  next_seq: number
  rows: number
  events: number
  updates: number
  deletes: number
  user_updates: number
  user_deletes: number
  group_updates: number
  group_deletes: number
  lookup_rows: number
  rejected: number
  filtered: number
  bytes: number
  sent: number
  /** First batch that came before the one that should have: something was lost on the way. */
  gap_seq: number | null
}

export type RunPartitionsTable = {
  run_id: string
  partition: number
  end_epoch: number | null
  end_rows: number | null
  end_batches: number | null
  ended_at: Date | null
  rejects_kept: number
  updated_at: Date
}

export type RejectsTable = {
  run_id: string
  partition: number
  chunk: number
  ordinal: number
  attempt: number
  stage: 'transformer' | 'loader'
  row_id: string
  code: string
  field: string
  message: string
  created_at: CreatedAt
}

export type ParkingsTable = {
  project_id: string
  lane: Lane
  partition: number
  state: 'parked' | 'open'
  /** Select as text. */
  last_parked_offset: Nullable<string>
  since: WithDefault<Date>
}
