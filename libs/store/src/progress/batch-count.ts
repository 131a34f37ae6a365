/** What one update batch has come to, once everything in it is loaded or rejected. */
export type BatchCount = {
  readonly runId: string
  readonly chunk: number
  readonly attempt: number
  /** The batch's number within (run, partition, chunk, attempt). */
  readonly seq: number
  /** Rows of the batch as read: all the others but `bytes` and `sent` add up to it. */
  readonly rows: number
  /** Events inserted, updated, deleted. */
  readonly events: number
  readonly updates: number
  readonly deletes: number
  readonly userUpdates: number
  readonly userDeletes: number
  readonly groupUpdates: number
  readonly groupDeletes: number
  readonly lookupRows: number
  readonly rejected: number
  readonly filtered: number
  /** `bytes` of the batch's header. */
  readonly bytes: number
  /** Records sent to the destination, repetitions included. */
  readonly sent: number
}

/** A row that was not loaded, for the ledger. */
export type RejectedRow = {
  readonly runId: string
  readonly chunk: number
  readonly attempt: number
  readonly ordinal: number
  readonly stage: 'transformer' | 'loader'
  /** Hex. */
  readonly rowId: string
  readonly code: string
  readonly field: string
  readonly message: string
}

/** A `run_end` that was reached: everything of the run that came before it in the partition is counted. */
export type PartitionEnd = {
  readonly runId: string
  readonly epoch: number
  readonly rows: number
  readonly batches: number
}

/** A project whose updates of this partition go to the parked topic from now on, or flow again. */
export type ParkingChange = {
  readonly projectId: string
  readonly lane: 'live' | 'bulk'
  readonly state: 'parked' | 'open'
  /** Offset in the parked topic after the last one written; null = nothing is parked. */
  readonly lastParkedOffset: bigint | null
}
