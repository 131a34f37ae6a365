import { partitionOf, partitionOfSync } from '@millrace/domain/identity/partition.ts'
import type { BatchHeader } from '@millrace/domain/wire/batch-header.ts'
import { ChangeBatchBuilder } from '@millrace/domain/wire/change-batch.ts'
import type { TableType } from '@millrace/domain/words.ts'
import type { OutMessage, Producer } from '@millrace/kafka/port.ts'
import { frame } from '@millrace/registry/frame.ts'
import type { ChangeSink } from '@millrace/warehouses/change-sink.ts'

export type PublishLimits = {
  /** Rows in a Kafka message. */
  readonly batchRowsMax: number
  /** Encoded bytes of changes in a Kafka message. */
  readonly batchBytesMax: number
  /** Encoded bytes of one row; a larger one is published without its columns and becomes a reject. */
  readonly rowBytesMax: number
  /** Messages are handed to Kafka once this many bytes wait. */
  readonly sendBytes: number
  /** The reader waits while more than this is waiting or unacknowledged. */
  readonly unackedBytesMax: number
}

export type ChunkIdentity = Omit<BatchHeader, 'seq' | 'rows' | 'bytes'> & {
  readonly topic: string
  readonly schemaId: number
  readonly tableType: TableType
  readonly partitions: number
}

/** What a finished chunk says of itself: the part of the run's manifest for one attempt. */
export type ChunkManifest = {
  readonly rows: number
  readonly bytes: number
  readonly partitionRows: readonly number[]
  readonly partitionBatches: readonly number[]
}

/**
 * Turns the rows of one attempt at one chunk into numbered batches per partition and publishes them.
 *
 * Delivery: at least once. A batch may stand twice in the topic (a lost answer); the loader counts its number once.
 * Order: batches of a partition are appended in order of `seq`, since the producer keeps one request in flight.
 * Proved by tests/process/kill-each-service.test.ts.
 */
export class ChunkPublisher implements ChangeSink {
  readonly #producer: Producer
  readonly #chunk: ChunkIdentity
  readonly #limits: PublishLimits
  readonly #gate: () => Promise<void> | null
  readonly #fixedPartition: number | null
  readonly #builders: ChangeBatchBuilder[]
  readonly #seqs: number[]
  readonly #rows: number[]
  #ordinal = 0
  #waiting: OutMessage[] = []
  #waitingBytes = 0
  #unackedBytes = 0
  #publishedBytes = 0
  #failure: Error | null = null
  #sends: Promise<void>[] = []
  #wake: (() => void) | null = null

  /** `gate` gives null when reading may go on, else a promise to wait for (flow control, lost lease: it rejects). */
  constructor(producer: Producer, chunk: ChunkIdentity, limits: PublishLimits, gate: () => Promise<void> | null) {
    this.#producer = producer
    this.#chunk = chunk
    this.#limits = limits
    this.#gate = gate
    // A lookup table is replaced as a whole, so one loader must see all of it, in order.
    this.#fixedPartition =
      chunk.tableType === 'lookup_table' ? partitionOfSync(chunk.syncId, chunk.partitions) : null
    this.#builders = Array.from({ length: chunk.partitions }, () => new ChangeBatchBuilder())
    this.#seqs = new Array<number>(chunk.partitions).fill(0)
    this.#rows = new Array<number>(chunk.partitions).fill(0)
  }

  /** Bytes published so far by this attempt: what flow control compares with the bytes loaded. */
  get publishedBytes(): number {
    return this.#publishedBytes
  }

  get rows(): number {
    return this.#ordinal
  }

  insert(rowId: Buffer, row: Buffer, rowStart: number, rowEnd: number): boolean {
    const partition = this.#fixedPartition ?? partitionOf(rowId, this.#chunk.partitions)
    const builder = this.#builders[partition]!
    const length = rowEnd - rowStart
    if (builder.bytes > 0 && builder.bytes + length > this.#limits.batchBytesMax) this.#finishBatch(partition)
    if (length > this.#limits.rowBytesMax) builder.appendWithoutRow('insert', this.#ordinal, rowId)
    else builder.append('insert', this.#ordinal, rowId, row, rowStart, rowEnd)
    this.#ordinal += 1
    this.#rows[partition]! += 1
    if (builder.rows >= this.#limits.batchRowsMax || builder.bytes >= this.#limits.batchBytesMax) {
      this.#finishBatch(partition)
    }
    return this.#unackedBytes + this.#waitingBytes < this.#limits.unackedBytesMax && this.#failure === null
  }

  async drained(): Promise<void> {
    this.#sendWaiting()
    while (this.#unackedBytes >= this.#limits.unackedBytesMax / 2 && this.#failure === null) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    if (this.#failure) throw this.#failure
    await this.#gate()
  }

  /** Publishes what is left and waits until Kafka has acknowledged every batch. */
  async finish(): Promise<ChunkManifest> {
    for (let partition = 0; partition < this.#chunk.partitions; partition++) {
      if (this.#builders[partition]!.rows > 0) this.#finishBatch(partition)
    }
    this.#sendWaiting()
    await Promise.all(this.#sends)
    if (this.#failure) throw this.#failure
    return {
      rows: this.#ordinal,
      bytes: this.#publishedBytes,
      partitionRows: this.#rows,
      partitionBatches: this.#seqs,
    }
  }

  #finishBatch(partition: number): void {
    const builder = this.#builders[partition]!
    const { topic: _topic, schemaId, tableType: _type, partitions: _partitions, ...identity } = this.#chunk
    const bytes = builder.bytes
    const payload = builder.finish({ ...identity, seq: this.#seqs[partition]!, rows: builder.rows, bytes })
    this.#seqs[partition]! += 1
    const value = frame(schemaId, payload)
    this.#waiting.push({ partition, value })
    this.#waitingBytes += value.length
    this.#publishedBytes += bytes
    if (this.#waitingBytes >= this.#limits.sendBytes) this.#sendWaiting()
  }

  #sendWaiting(): void {
    if (this.#waiting.length === 0 || this.#failure) return
    const messages = this.#waiting
    const bytes = this.#waitingBytes
    this.#waiting = []
    this.#waitingBytes = 0
    this.#unackedBytes += bytes
    const send = this.#producer
      .send(this.#chunk.topic, messages)
      .catch((error: unknown) => {
        this.#failure ??= error instanceof Error ? error : new Error(String(error))
      })
      .then(() => {
        this.#unackedBytes -= bytes
        this.#sends = this.#sends.filter((other) => other !== send)
        const wake = this.#wake
        this.#wake = null
        wake?.()
      })
    this.#sends.push(send)
  }
}
