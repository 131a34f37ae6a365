import type { DestinationKind, TableType } from '@millrace/domain/words.ts'
import type { RecordBatch } from './record-batch.ts'

/** Everything but lookup tables, which are replaced as a whole. */
export type BatchedType = Exclude<TableType, 'lookup_table'>

/** Why one record of a batch was refused; `index` counts within what was sent. */
export type RecordRefusal = { readonly index: number; readonly field: string; readonly message: string }

/**
 * The outcome of one request, already classified by the retry table of the reliability rules:
 * - `accepted`: definite; `refused` lists the records that the destination will never take (partial success).
 * - `retry`: indefinite or temporary; `afterMs` when the destination asked for a wait. The same batch may be sent again.
 * - `too_large`: halve the batch; a single record that is too large is a reject.
 * - `bad_batch`: refused as a whole without detail: bisect.
 * - `needs_attention`: credentials or project are refused; nothing is wrong with the records. Pause, keep offsets.
 */
export type SendOutcome =
  | { readonly kind: 'accepted'; readonly refused: readonly RecordRefusal[] }
  | { readonly kind: 'retry'; readonly reason: string; readonly afterMs?: number }
  | { readonly kind: 'too_large' }
  | { readonly kind: 'bad_batch'; readonly message: string }
  | { readonly kind: 'needs_attention'; readonly status: number; readonly message: string }

export type DestinationLimits = {
  /** Records in a request. */
  readonly batchRecordsMax: Readonly<Record<BatchedType, number>>
  /** Uncompressed bytes in a request. */
  readonly batchBytesMax: number
  /** Uncompressed bytes of one record. */
  readonly recordBytesMax: number
  /** Sustained records a second for the whole project; null = no limit known. */
  readonly recordsPerSecond: number | null
  /**
   * Whether requests of the same table type may overtake each other without changing the end state. Operations on versions
   * always may.
   */
  readonly orderFree: Readonly<Record<TableType, boolean>>
}

/** The body of a request, ready to be sent as often as needed. */
export type PreparedRequest = {
  readonly tableType: BatchedType
  /** Operations on versions. */
  readonly isVersioned: boolean
  readonly records: number
  /** Compressed. */
  readonly body: Buffer
  /** Before compression. */
  readonly bytes: number
}

/** A project at a destination. Implementations: one folder each, listed in `open-destination.ts`. */
export type Destination = {
  readonly kind: DestinationKind
  readonly limits: DestinationLimits
  /**
   * Joins and compresses records [from, to) of a batch. The batch's buffers are not needed after it resolves. Rejects with
   * DestinationError `mirror_not_supported` when the records have versions and the destination keeps none.
   */
  prepare(tableType: BatchedType, batch: RecordBatch, from: number, to: number): Promise<PreparedRequest>
  /**
   * Sends one request. May be called in parallel and again with the same request. Never throws for what the destination
   * or the network does: that is an outcome.
   */
  send(request: PreparedRequest, signal: AbortSignal): Promise<SendOutcome>
  /** Replaces a lookup table atomically by the CSV file at `path` (header line first). Safe to repeat. */
  replaceLookupTable(lookupTableId: string, path: string, signal: AbortSignal): Promise<SendOutcome>
  /**
   * Removes for good what older generations of an import left, also what of them comes later. Safe to repeat. Rejects with
   * DestinationError `mirror_not_supported` when the destination keeps no versions.
   */
  removeOlderGenerations(importId: string, generation: number, signal: AbortSignal): Promise<SendOutcome>
  close(): Promise<void>
}

export type DestinationConfig = {
  readonly kind: DestinationKind
  /** `mixpanel`: US, EU or IN; host comes from it. */
  readonly region?: 'US' | 'EU' | 'IN'
  /** `ingestion`: base URL; checked against the operator's allow-list. */
  readonly baseUrl?: string
  /** The destination's own id and token of the project. */
  readonly destinationProjectId: string
  readonly token: string
  /** Service account (basic auth). */
  readonly username: string
  readonly secret: string
}
