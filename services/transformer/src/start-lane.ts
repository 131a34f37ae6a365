import type { Lane } from '@millrace/domain/words.ts'
import type { InFlightBytes } from '@millrace/kafka/in-flight-bytes.ts'
import { createConsumer } from '@millrace/kafka/kafkajs-client.ts'
import { withPatience } from '@millrace/kafka/patience.ts'
import type { Consumer, PartitionControl, Producer } from '@millrace/kafka/port.ts'
import { changesTopic, updatesTopic } from '@millrace/kafka/topic-names.ts'
import { RegistryError } from '@millrace/registry/registry-error.ts'
import { isUnavailable } from '@millrace/store/store-error.ts'
import type { GaugeReading, Instruments } from '@millrace/telemetry/instruments.ts'
import type { Logger } from '@millrace/telemetry/logger.ts'
import type { Tracing } from '@millrace/telemetry/tracing.ts'
import type { TransformerConfig } from './config.ts'
import { PartitionTransformer } from './partition-transformer.ts'
import type { RunTransforms } from './run-transforms.ts'
import { createMessageTransformer } from './transform-message.ts'
import type { WireSchemas } from './wire-schemas.ts'

/** What all lanes of a process share. */
export type LaneParts = {
  readonly config: TransformerConfig
  readonly producer: Producer
  readonly schemas: WireSchemas
  readonly runs: RunTransforms
  readonly inFlight: InFlightBytes
  readonly instruments: Instruments
  readonly tracing: Tracing
  readonly log: Logger
  readonly stopping: AbortSignal
  fail(error: Error): void
}

export type RunningLane = {
  readonly consumer: Consumer
  /** How far behind each assigned partition is. */
  lag(): GaugeReading[]
}

/** Joins the consumer group of a lane and transforms what it is assigned. */
export function startLane(lane: Lane, parts: LaneParts): RunningLane {
  const { config, log, stopping } = parts
  const labels = { stage: 'transform', lane } as const
  const target = updatesTopic(lane)
  const positions = new Map<string, { control: PartitionControl; partition: number; next: bigint }>()

  const consumer = createConsumer({
    brokers: config.brokers,
    clientId: 'transformer',
    logger: log,
    groupId: `transformer.${lane}`,
    topics: config.warehouses.map((warehouse) => changesTopic(warehouse, lane)),
    sessionTimeoutMs: config.sessionTimeoutMs,
    onFatal: parts.fail,
    async openPartition(topic, partition, control) {
      const patience = { signal: stopping, log, passes, alive: () => control.alive() }
      const ids = await withPatience('registry', () => parts.schemas.updatesIds(target), patience)
      const transform = createMessageTransformer({
        schemas: parts.schemas,
        runs: parts.runs,
        ids,
        patiently: (what, work) => withPatience(what, work, patience),
      })
      const position = { control, partition, next: 0n }
      positions.set(`${topic}/${partition}`, position)
      const counted: PartitionControl = {
        ...delegate(control),
        commit(nextOffset) {
          position.next = nextOffset
          control.commit(nextOffset)
        },
      }
      const worker = new PartitionTransformer({
        ...parts,
        topic,
        partition,
        target,
        control: counted,
        transform,
        labels,
        log: log.child({ topic, partition }),
      })
      return { worker, startOffset: null }
    },
  })

  return {
    consumer,
    lag: () =>
      consumer.assignment().flatMap((name) => {
        const position = positions.get(name)
        if (!position || position.next === 0n) return []
        const value = Number(position.control.highWatermark() - position.next)
        return [{ value, labels: { ...labels, partition: position.partition } }]
      }),
  }
}

/** Registry or store is away, and will be back. */
function passes(error: unknown): boolean {
  return isUnavailable(error) || (error instanceof RegistryError && error.code === 'unavailable')
}

function delegate(control: PartitionControl): PartitionControl {
  return {
    commit: (nextOffset) => control.commit(nextOffset),
    alive: () => control.alive(),
    reopen: () => control.reopen(),
    highWatermark: () => control.highWatermark(),
  }
}
