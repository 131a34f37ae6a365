/**
 * The one Kafka port. Everything above it deals in partitions, offsets and bytes; the client library stays below, so
 * that a second client can be measured against the conformance suite.
 */

export type OutMessage = { readonly partition: number; readonly value: Buffer; readonly key?: Buffer }

export type InMessage = { readonly offset: bigint; readonly value: Buffer; readonly timestampMs: number }

export type Producer = {
  /**
   * Resolves when every message is acknowledged by all in-sync replicas (acks -1). Messages of one partition are
   * appended in the order given. Calls are queued: one request is in flight at a time, so order also holds between
   * calls. May append a message twice when an answer is lost; never loses or reorders one. Rejects with KafkaError
   * `message_too_large` before sending, or `unavailable` once `deliveryTimeoutMs` is over; then the calls that wait
   * behind it reject as well, so that nothing is appended after a gap.
   */
  send(topic: string, messages: readonly OutMessage[]): Promise<void>
  close(): Promise<void>
}

/**
 * What works on one assigned partition, from assignment to revocation. `accept` is never called again before the last
 * call has resolved, and not after `close` has been called; a promise of `accept` that is pending then is not waited for.
 */
export type PartitionWorker = {
  /**
   * Messages in offset order. Resolves when the worker can take more (back-pressure), not when they are done; the
   * client keeps the group membership alive meanwhile. A rejection ends the process's membership: see `onFatal`.
   */
  accept(messages: readonly InMessage[]): Promise<void>
  /** Called once when the partition is revoked or the consumer stops: finish or drop what is in flight, then resolve. */
  close(): Promise<void>
}

export type OpenedPartition = {
  readonly worker: PartitionWorker
  /** Where to read from; null = the group's committed offset, else the earliest record. */
  readonly startOffset: bigint | null
}

export type ConsumerOptions = {
  readonly groupId: string
  readonly topics: readonly string[]
  /** Called for each assigned partition before its first message. */
  openPartition(topic: string, partition: number, control: PartitionControl): Promise<OpenedPartition>
  /** A worker failed, access was refused, or nothing moved for `watchdogMs` although records wait: the process should drain and exit non-zero. */
  onFatal(error: Error): void
}

export type PartitionControl = {
  /**
   * Tells the watchdog that the worker is not stuck but waits on purpose for something outside (a destination that asks
   * for patience, a registry that is down). Call it at least every few seconds while waiting; `accept` that settles and
   * `commit` that advances count as well.
   */
  alive(): void
  /** Tells Kafka that everything below `nextOffset` is done. A hint for lag and autoscaling where Postgres keeps the truth. */
  commit(nextOffset: bigint): void
  /**
   * The worker can do no more: closes it and, while the partition is assigned, opens another one for it, which begins
   * where `openPartition` says then. For a worker that finds out that somebody else has moved the partition on.
   */
  reopen(): void
  /** End offset of the partition as last heard from the broker: lag = highWatermark - position. */
  highWatermark(): bigint
}

export type Consumer = {
  /** Is it in its group now, with or without partitions? For readiness. */
  isMember(): boolean
  /** Partitions now assigned, as `topic/partition`. */
  assignment(): readonly string[]
  close(): Promise<void>
}
