import type { Lane } from '@millrace/domain/words.ts'
import type { Consumer } from '@millrace/kafka/port.ts'
import type { Logger } from '@millrace/telemetry/logger.ts'
import { parkedTopicOf } from './parking.ts'

export type ParkedDrainsParts = {
  readonly lane: Lane
  ensureTopic(topic: string): Promise<void>
  /** Joins the group that drains a parked topic. */
  join(topic: string, groupId: string): Consumer
  /** Messages of a partition that the group has not committed. */
  waiting(topic: string, groupId: string, partition: number): Promise<bigint>
  readonly log: Logger
}

type Drain = { readonly consumer: Promise<Consumer>; users: number }

/**
 * Who reads the parked topics of a lane: for each parked project one more consumer group, joined by the processes that
 * own a partition with the project parked, until they no longer do.
 */
export class ParkedDrains {
  readonly #parts: ParkedDrainsParts
  readonly #drains = new Map<string, Drain>()

  constructor(parts: ParkedDrainsParts) {
    this.#parts = parts
  }

  /** One more partition needs the project drained. Rejects when the topic cannot be made. */
  async start(projectId: string): Promise<void> {
    let drain = this.#drains.get(projectId)
    if (!drain) {
      drain = { consumer: this.#join(projectId), users: 0 }
      this.#drains.set(projectId, drain)
    }
    drain.users++
    await drain.consumer
  }

  stop(projectId: string): void {
    const drain = this.#drains.get(projectId)
    if (!drain || --drain.users > 0) return
    this.#drains.delete(projectId)
    void this.#close(drain)
  }

  waiting(projectId: string, partition: number): Promise<bigint> {
    const { lane, waiting } = this.#parts
    return waiting(parkedTopicOf(projectId, lane), groupOf(projectId, lane), partition)
  }

  async close(): Promise<void> {
    const drains = [...this.#drains.values()]
    this.#drains.clear()
    await Promise.all(drains.map((drain) => this.#close(drain)))
  }

  async #join(projectId: string): Promise<Consumer> {
    const { lane, ensureTopic, join } = this.#parts
    const topic = parkedTopicOf(projectId, lane)
    await ensureTopic(topic)
    return join(topic, groupOf(projectId, lane))
  }

  async #close({ consumer }: Drain): Promise<void> {
    try {
      await (await consumer).close()
    } catch (err) {
      this.#parts.log.warn({ err }, 'leaving a parked topic failed')
    }
  }
}

function groupOf(projectId: string, lane: Lane): string {
  return `loader.${lane}.parked.${projectId}`
}
