import { partitionOf, partitionOfSync } from '@millrace/domain/identity/partition.ts'
import type { BatchHeader } from '@millrace/domain/wire/batch-header.ts'
import { ChangeBatchBuilder } from '@millrace/domain/wire/change-batch.ts'
import type { ChangeOp, TableType } from '@millrace/domain/words.ts'
import type { OutMessage, Producer } from '@millrace/kafka/port.ts'
import { framePrefix } from '@millrace/registry/frame.ts'
import type { ChangeSink } from '@millrace/warehouses/change-sink.ts'
import type { ReadGate } from './read-gate.ts'

export type PublishLimits = {
  /** Rows in a Kafka message. */
  readonly batchRowsMax: number
  /** Encoded bytes of changes in a Kafka message; a single larger row makes a message of its own. */
  readonly batchBytesMax: number
  /** Encoded bytes of one row; a larger one is published without its columns and becomes the reject `row_too_large`. */
  readonly rowBytesMax: number
  /** Messages are handed to Kafka once this many bytes wait. */
  readonly sendBytes: number
  /** The reader waits while more than this is waiting or unacknowledged. */
  readonly unackedBytesMax: number
}

/** What all batches of one attempt at a chunk have in common. */
export type ChunkHeader = Omit<BatchHeader, 'seq' | 'rows' | 'bytes'>

export type ChunkTarget = {
  readonly topic: string
  readonly schemaId: number
  readonly tableType: TableType
  readonly partitions: number
  /** Columns of the before-images of updates and deletes. */
  readonly beforeColumns: number
}

/** What a finished chunk says of itself: the part of the run's manifest for one attempt. */
export type ChunkManifest = {
  readonly rows: number
  readonly bytes: number
  readonly partitionRows: readonly number[]
  readonly partitionBatches: readonly number[]
}

export type ChunkPublisherParts = {
  readonly producer: Producer
  readonly header: ChunkHeader
  readonly target: ChunkTarget
  readonly limits: PublishLimits
  readonly gate: ReadGate
  /** Called with every acknowledged request, for the metrics. */
  acknowledged?(rows: number, bytes: number, seconds: number): void
}

/**
 * Turns the rows of one attempt at one chunk into numbered batches per partition and publishes them.
 *
 * Memory: one batch under construction per partition, and `unackedBytesMax` of finished ones.
 * Delivery: at least once. A batch may stand twice in the topic (a lost answer); the loader counts its number once.
 * Order: batches of a partition are appended in order of `seq`, since the producer keeps one request in flight.
 * Proved by test/chunk-publisher.test.ts and libs/kafka/test/conformance.ts.
 */
export class ChunkPublisher implements ChangeSink {
  readonly #parts: ChunkPublisherParts
  readonly #prefix: Buffer
  readonly #fixedPartition: number | null
  readonly #nullBefore: Uint8Array
  readonly #builders: ChangeBatchBuilder[]
  readonly #seqs: number[]
  readonly #rows: number[]
  #ordinal = 0
  #waiting: OutMessage[] = []
  #waitingRows = 0
  #waitingBytes = 0
  #unackedBytes = 0
  #finishedBytes = 0
  #publishedBytes = 0
  #failure: Error | null = null
  #wake: (() => void) | null = null

  constructor(parts: ChunkPublisherParts) {
    const { target, header } = parts
    this.#parts = parts
    this.#prefix = framePrefix(target.schemaId)
    // A lookup table is replaced as a whole, so one loader must see all of it, in order.
    this.#fixedPartition =
      target.tableType === 'lookup_table' ? partitionOfSync(header.syncId, target.partitions) : null
    // In Avro a union's first branch, null, is a byte 0.
    this.#nullBefore = new Uint8Array(target.beforeColumns)
    this.#builders = Array.from({ length: target.partitions }, () => new ChangeBatchBuilder())
    this.#seqs = new Array<number>(target.partitions).fill(0)
    this.#rows = new Array<number>(target.partitions).fill(0)
  }

  /**
   * Bytes of this attempt that Kafka has acknowledged, in the unit of the batches' headers: what flow control compares
   * with the bytes loaded. What never reached Kafka is not in it, since nobody would ever load it.
   */
  get publishedBytes(): number {
    return this.#publishedBytes
  }

  get rows(): number {
    return this.#ordinal
  }

  /** Encoded bytes handed to Kafka or waiting for it. */
  get unackedBytes(): number {
    return this.#unackedBytes + this.#waitingBytes
  }

  insert(rowId: Buffer, row: Buffer, rowStart: number, rowEnd: number): boolean {
    return this.change('insert', rowId, row, rowStart, rowEnd, null)
  }

  /**
   * An update whose row is too large goes without it, but with its before-image: what was loaded of the row must go. A
   * before-image that is too large by itself holds a name or id that no destination takes, so that row was a reject and has
   * nothing to take away, which is what one of NULLs says.
   */
  change(
    op: ChangeOp,
    rowId: Buffer,
    row: Buffer | null,
    rowStart: number,
    rowEnd: number,
    before: Uint8Array | null,
  ): boolean {
    const { limits, target, gate } = this.#parts
    const partition = this.#fixedPartition ?? partitionOf(rowId, target.partitions)
    const builder = this.#builders[partition]!
    if ((op === 'insert') !== (before === null)) throw new Error(`${op} ${this.#ordinal}: the before-image is amiss`)
    const old = before !== null && before.length > limits.rowBytesMax ? this.#nullBefore : before
    const oldBytes = old?.length ?? 0
    const isTooLarge = rowEnd - rowStart + oldBytes > limits.rowBytesMax
    const length = isTooLarge ? oldBytes : rowEnd - rowStart + oldBytes
    if (builder.bytes > 0 && builder.bytes + length > limits.batchBytesMax) this.#finishBatch(partition)
    if (isTooLarge) builder.append(op, this.#ordinal, rowId, null, 0, 0, old)
    else builder.append(op, this.#ordinal, rowId, row, rowStart, rowEnd, old)
    this.#ordinal += 1
    this.#rows[partition]! += 1
    if (builder.rows >= limits.batchRowsMax || builder.bytes >= limits.batchBytesMax) this.#finishBatch(partition)
    return this.#unackedBytes + this.#waitingBytes < limits.unackedBytesMax && !gate.closed && this.#failure === null
  }

  async drained(): Promise<void> {
    const { limits, gate } = this.#parts
    // What is left in a builder could never be loaded, and the gate would wait for it for ever.
    if (gate.closed) this.#finishBatches()
    this.#sendWaiting()
    while (this.#unackedBytes > limits.unackedBytesMax / 2 && this.#failure === null) await this.#acknowledgement()
    if (gate.closed && this.#failure === null) await gate.opened()
    if (this.#failure) throw this.#failure
  }

  /** Publishes what is left and waits until Kafka has acknowledged every batch. */
  async finish(): Promise<ChunkManifest> {
    this.#finishBatches()
    this.#sendWaiting()
    while (this.#unackedBytes > 0 && this.#failure === null) await this.#acknowledgement()
    if (this.#failure) throw this.#failure
    return {
      rows: this.#ordinal,
      bytes: this.#finishedBytes,
      partitionRows: this.#rows,
      partitionBatches: this.#seqs,
    }
  }

  /** Ends the attempt: whoever waits is told the reason, and nothing more is sent. */
  fail(reason: Error): void {
    this.#failure ??= reason
    this.#wakeUp()
  }

  #finishBatches(): void {
    for (let partition = 0; partition < this.#builders.length; partition++) {
      if (this.#builders[partition]!.rows > 0) this.#finishBatch(partition)
    }
  }

  #finishBatch(partition: number): void {
    const builder = this.#builders[partition]!
    this.#waitingRows += builder.rows
    this.#finishedBytes += builder.bytes
    const value = builder.finish({ ...this.#parts.header, seq: this.#seqs[partition]! }, this.#prefix)
    this.#seqs[partition]! += 1
    this.#waiting.push({ partition, value })
    this.#waitingBytes += value.length
    if (this.#waitingBytes >= this.#parts.limits.sendBytes) this.#sendWaiting()
  }

  #sendWaiting(): void {
    if (this.#waiting.length === 0 || this.#failure) return
    const messages = this.#waiting
    const rows = this.#waitingRows
    const bytes = this.#waitingBytes
    const finishedBytes = this.#finishedBytes
    const started = performance.now()
    this.#waiting = []
    this.#waitingRows = 0
    this.#waitingBytes = 0
    this.#unackedBytes += bytes
    this.#parts.producer.send(this.#parts.target.topic, messages).then(
      () => {
        this.#unackedBytes -= bytes
        this.#publishedBytes = finishedBytes
        this.#parts.acknowledged?.(rows, bytes, (performance.now() - started) / 1000)
        this.#wakeUp()
      },
      (error: unknown) => this.fail(error instanceof Error ? error : new Error(String(error))),
    )
  }

  #acknowledgement(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  #wakeUp(): void {
    const wake = this.#wake
    this.#wake = null
    wake?.()
  }
}
