import type { Instruments, StageLabels } from '@millrace/telemetry/instruments.ts'
import type { Tracing } from '@millrace/telemetry/tracing.ts'
import { type DeliveryLink, type DeliveryParts, deliver } from './deliver.ts'
import type { LoadBatch } from './load-batch.ts'
import { Slots } from './slots.ts'

export type BatchSenderParts = {
  readonly partition: number
  /** Batches on their way at a time; the others wait in order. */
  readonly requestsMax: number
  readonly delivery: DeliveryParts
  link(projectId: string): DeliveryLink
  /** The partition was closed or lost: batches are given up. */
  readonly signal: AbortSignal
  /** Delivering failed for a reason that no repetition mends. */
  failed(error: Error): void
  readonly instruments: Instruments
  readonly labels: StageLabels
  readonly tracing: Tracing
}

/** Sends the batches of one partition, some at a time, each after those it has to wait for; each with its trace. */
export class BatchSender {
  readonly #parts: BatchSenderParts
  readonly #slots: Slots

  constructor(parts: BatchSenderParts) {
    this.#parts = parts
    this.#slots = new Slots(parts.requestsMax)
  }

  /** Resolves when the batch is finished: every record has its answer, or it was given up. Never rejects. */
  async send(batch: LoadBatch): Promise<void> {
    const { instruments, labels, delivery, failed } = this.#parts
    const started = delivery.now()
    const signal = AbortSignal.any([this.#parts.signal, batch.cancelled.signal])
    let isDelivered = false
    try {
      await Promise.all(batch.after)
      await this.#slots.take()
      try {
        isDelivered = await this.#deliver(batch, signal)
      } finally {
        this.#slots.give()
      }
    } catch (error) {
      if (!signal.aborted) failed(error as Error)
    }
    instruments.batchSeconds.record((delivery.now() - started) / 1000, labels)
    batch.finish(isDelivered && !signal.aborted)
    if (isDelivered) instruments.recordsOut.add(batch.length, labels)
  }

  async #deliver(batch: LoadBatch, signal: AbortSignal): Promise<boolean> {
    const { tracing, partition, delivery, link } = this.#parts
    const { header } = batch.entries[0]!.counts!
    const span = tracing.start('load.batch', header.traceparent, {
      run: header.runId,
      partition,
      records: batch.length,
    })
    try {
      return await deliver(batch, link(batch.projectId), delivery, signal)
    } finally {
      span.end()
    }
  }
}
