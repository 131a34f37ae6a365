/**
 * What every batch of a changes or updates topic says of itself. The transformer copies it unchanged, so the loader
 * can count exactly: a batch is counted only when `seq` is the next one of (run, chunk, attempt, partition).
 */
export type BatchHeader = {
  readonly projectId: string
  readonly syncId: string
  /** UUID of the run. */
  readonly runId: string
  readonly runSeq: number
  readonly generation: number
  readonly mappingVersion: number
  readonly chunk: number
  /** Fencing epoch of the lease under which the chunk was read; the manifest names the attempt that counts. */
  readonly attempt: number
  /** 0, 1, 2 … within (chunk, attempt, partition). */
  readonly seq: number
  /** Rows in the batch as read, before rejecting and filtering. */
  readonly rows: number
  /** Encoded bytes of the change batch: the unit of the bytes-in-flight limit, the same on both topics. */
  readonly bytes: number
  /** W3C traceparent of the run, or empty. */
  readonly traceparent: string
}

/** Written by the producer of a topic to every partition of it: `run_open` before, `run_end` after all of a run's batches. */
export type Marker = {
  readonly kind: 'run_open' | 'run_end'
  readonly projectId: string
  readonly syncId: string
  readonly runId: string
  readonly runSeq: number
  readonly generation: number
  readonly mappingVersion: number
  /** Epoch of the lease of the task that wrote the marker. */
  readonly epoch: number
  /** run_end: rows and batches of the counting attempts in this partition (0 in run_open). */
  readonly rows: number
  readonly batches: number
}

export type RejectCode =
  | 'time_missing'
  | 'time_too_early'
  | 'time_in_future'
  | 'time_invalid'
  | 'id_missing'
  | 'id_placeholder'
  | 'id_twice'
  | 'id_invalid'
  | 'event_name_missing'
  | 'event_name_invalid'
  | 'json_invalid'
  | 'json_not_object'
  | 'nul_character'
  | 'too_large'
  | 'too_many_properties'
  | 'too_deep'
  | 'value_invalid'
  | 'row_too_large'
  | 'refused_by_destination'

export type Reject = {
  /** Hex row id. */
  readonly rowId: string
  readonly ordinal: number
  readonly code: RejectCode
  /** Column, property or destination field; empty when the whole row is meant. */
  readonly field: string
  readonly message: string
}
