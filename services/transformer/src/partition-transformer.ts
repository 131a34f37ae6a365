import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import type { BatchHeader } from '@millrace/domain/wire/batch-header.ts'
import { deadLetter } from '@millrace/kafka/dead-letter.ts'
import type { InFlightBytes } from '@millrace/kafka/in-flight-bytes.ts'
import { KafkaError } from '@millrace/kafka/kafka-error.ts'
import type { InMessage, PartitionControl, PartitionWorker, Producer } from '@millrace/kafka/port.ts'
import { deadLetterTopic } from '@millrace/kafka/topic-names.ts'
import { failpoint } from '@millrace/telemetry/failpoint.ts'
import type { Instruments, StageLabels } from '@millrace/telemetry/instruments.ts'
import type { Logger } from '@millrace/telemetry/logger.ts'
import type { TracedSpan, Tracing } from '@millrace/telemetry/tracing.ts'
import { isUndecodable, type MessageTransformer, type Transformed } from './transform-message.ts'

export type PartitionTransformerParts = {
  readonly topic: string
  readonly partition: number
  /** The updates topic of the lane. */
  readonly target: string
  readonly control: PartitionControl
  readonly transform: MessageTransformer
  readonly producer: Producer
  readonly inFlight: InFlightBytes
  readonly instruments: Instruments
  readonly labels: StageLabels
  readonly tracing: Tracing
  readonly log: Logger
  /** Producing failed for good: the process must end, since the partition cannot go on in order. */
  fail(error: Error): void
}

/** How long a revoked partition waits for acknowledgements; what comes later is done again by its next owner. */
const closeMs = 3000

/**
 * Transforms one partition, in order, one message out for one in; the next batch is encoded while the ones before are
 * on their way.
 *
 * Delivery: at least once. The offset of a message is committed after the acknowledgement of what came of it and of all
 * before it; a crash in between makes it again, with the same bytes. Proved by
 * test/partition-transformer.test.ts and test/crash.test.ts.
 */
export class PartitionTransformer implements PartitionWorker {
  readonly #parts: PartitionTransformerParts
  /** Settles when everything up to now is acknowledged and committed. */
  #tail: Promise<void> = Promise.resolve()
  #closed = false
  #failed = false

  constructor(parts: PartitionTransformerParts) {
    this.#parts = parts
  }

  async accept(messages: readonly InMessage[]): Promise<void> {
    for (const message of messages) {
      await this.#parts.inFlight.room()
      if (this.#closed || this.#failed) return
      await this.#take(message)
      // Encoding a batch takes milliseconds: let sockets have their turn.
      await turn()
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.race([this.#tail, sleep(closeMs, undefined, { ref: false })])
  }

  async #take(message: InMessage): Promise<void> {
    const started = performance.now()
    const { topic, partition } = this.#parts
    let transformed: Transformed
    try {
      transformed = await this.#parts.transform(message)
    } catch (error) {
      if (this.#closed) return
      if (!isUndecodable(error)) throw error
      return this.#after(message, this.#sendLetter(message, 'undecodable', error))
    }
    if (this.#closed) return
    if (transformed.kind === 'dropped') {
      const { reason, header } = transformed
      this.#parts.log.debug({ run: header.runId, topic, partition, reason }, 'batch dropped')
      return this.#after(message, Promise.resolve())
    }
    const { value } = transformed
    const span = transformed.kind === 'batch' ? this.#countIn(message, transformed) : null
    await failpoint('transformer.beforeProduce')
    this.#parts.inFlight.add(value.length)
    const sent = this.#produce(message, value).finally(() => {
      this.#parts.inFlight.remove(value.length)
      this.#parts.instruments.batchSeconds.record((performance.now() - started) / 1000, this.#parts.labels)
    })
    this.#after(message, sent, span)
  }

  #countIn(message: InMessage, { header, updates, rejects, value }: Transformed & { kind: 'batch' }): TracedSpan {
    const { instruments, labels, tracing, partition } = this.#parts
    instruments.recordsIn.add(header.rows, labels)
    instruments.bytesIn.add(message.value.length, labels)
    instruments.recordsOut.add(updates, labels)
    instruments.bytesOut.add(value.length, labels)
    if (rejects > 0) instruments.rejects.add(rejects, labels)
    return tracing.start('transform.batch', header.traceparent, spanAttributes(header, partition, updates, rejects))
  }

  /** Commits the message once it and all before it are acknowledged. */
  #after(message: InMessage, sent: Promise<void>, span: TracedSpan | null = null): void {
    this.#tail = this.#finish(message, sent, span, this.#tail)
  }

  async #finish(
    message: InMessage,
    sent: Promise<void>,
    span: TracedSpan | null,
    before: Promise<void>,
  ): Promise<void> {
    try {
      await sent
    } catch (error) {
      span?.end(error)
      this.#failed = true
      if (!this.#closed) this.#parts.fail(error as Error)
      return
    }
    span?.end()
    await failpoint('transformer.afterProduce')
    await before
    if (!this.#failed) this.#parts.control.commit(message.offset + 1n)
  }

  async #produce(message: InMessage, value: Buffer): Promise<void> {
    const { target, partition, producer } = this.#parts
    try {
      await producer.send(target, [{ partition, value }])
    } catch (error) {
      // The updates are larger than a message may be, although the changes were not: nobody can do better with them.
      if (!(error instanceof KafkaError && error.code === 'message_too_large')) throw error
      await this.#sendLetter(message, 'updates_too_large', error)
    }
  }

  /** The partition moves on; the run will miss the batch when it counts, and fail with that reason. */
  #sendLetter(message: InMessage, reason: string, error: unknown): Promise<void> {
    const { topic, partition, producer, instruments, labels, log } = this.#parts
    log.error({ err: error, topic, partition, offset: message.offset, reason }, 'message set aside')
    instruments.deadLetters.add(1, { ...labels, reason })
    return producer.send(deadLetterTopic, [deadLetter({ topic, partition, message }, reason, error)])
  }
}

function spanAttributes(header: BatchHeader, partition: number, updates: number, rejects: number) {
  const { projectId, syncId, runId, chunk, attempt, seq, rows } = header
  return { project: projectId, sync: syncId, run: runId, partition, chunk, attempt, seq, rows, updates, rejects }
}
