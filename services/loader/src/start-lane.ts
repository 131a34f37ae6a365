import { randomUUID } from 'node:crypto'
import path from 'node:path'
import { partitionOfSync } from '@millrace/domain/identity/partition.ts'
import type { Lane } from '@millrace/domain/words.ts'
import { groupLag } from '@millrace/kafka/admin.ts'
import { InFlightBytes } from '@millrace/kafka/in-flight-bytes.ts'
import { createConsumer } from '@millrace/kafka/kafkajs-client.ts'
import { withPatience } from '@millrace/kafka/patience.ts'
import type { Consumer, OpenedPartition, PartitionControl, Producer } from '@millrace/kafka/port.ts'
import { updatesTopic } from '@millrace/kafka/topic-names.ts'
import { ensureTopic } from '@millrace/kafka/topics.ts'
import { RegistryError } from '@millrace/registry/registry-error.ts'
import type { Database } from '@millrace/store/open-store.ts'
import { listParkings } from '@millrace/store/parkings/list-parkings.ts'
import { openPartition } from '@millrace/store/progress/open-partition.ts'
import { recordProgress } from '@millrace/store/progress/record-progress.ts'
import { transitionRun } from '@millrace/store/runs/transition.ts'
import { isUnavailable } from '@millrace/store/store-error.ts'
import { countingAttempts } from '@millrace/store/tasks/counting-attempts.ts'
import type { GaugeReading, Instruments } from '@millrace/telemetry/instruments.ts'
import type { Logger } from '@millrace/telemetry/logger.ts'
import type { Tracing } from '@millrace/telemetry/tracing.ts'
import type { LoaderConfig } from './config.ts'
import { CountedSeqs } from './counted-seqs.ts'
import { ParkedDrains } from './parked-drains.ts'
import { PartitionLoader } from './partition-loader.ts'
import type { PartitionParking } from './partition-loader-parts.ts'
import type { ProjectLinks } from './project-links.ts'
import { defaultRetryPolicy } from './retry-policy.ts'
import type { RunCache } from './run-cache.ts'
import { waitAlive } from './wait.ts'
import type { WireSchemas } from './wire-schemas.ts'

/** What all lanes of a process share. */
export type LaneParts = {
  readonly config: LoaderConfig
  readonly instance: string
  readonly producer: Producer
  readonly store: Database
  readonly schemas: WireSchemas
  readonly runs: RunCache
  readonly links: ProjectLinks
  readonly instruments: Instruments
  readonly tracing: Tracing
  readonly log: Logger
  readonly stopping: AbortSignal
  fail(error: Error): void
}

export type RunningLane = {
  /** A member of the lane's group? */
  isMember(): boolean
  /** How far behind each assigned partition is. */
  lag(): GaugeReading[]
  inFlightBytes(): number
  close(): Promise<void>
}

/** A request may take a minute, and its retries show life: nothing moving for longer than this is a fault. */
const watchdogMs = 180_000
const tickMs = 100
/** Of one fetch, as it lies on disk. Decompressed it is nine times that, and a partition may exceed its share by it. */
const fetchBytesMax = 512 * 1024
/** What a group that drains a parked topic may queue; it is in no hurry. */
const drainQueueBytesMax = 4 * 1024 * 1024

/** Joins the consumer group of a lane and loads what it is assigned. */
export function startLane(lane: Lane, parts: LaneParts): RunningLane {
  const { config, log } = parts
  const topic = updatesTopic(lane)
  const connection = { brokers: config.brokers, clientId: 'loader', logger: log }
  const inFlight = new InFlightBytes(config.inFlightBytesMax)
  // Apart from the rest: what waits for a destination that is down must not take room from the others.
  const drainInFlight = new InFlightBytes(Math.ceil(config.inFlightBytesMax / 4))
  const positions = new Map<string, { control: PartitionControl; partition: number; next: bigint }>()
  const group = { ...connection, sessionTimeoutMs: config.sessionTimeoutMs, watchdogMs, onFatal: parts.fail }

  const drains = new ParkedDrains({
    lane,
    log,
    ensureTopic: (parked) => ensureTopic({ ...connection, ...config, topic: parked }),
    join: (parked, groupId) =>
      createConsumer({
        ...group,
        groupId,
        topics: [parked],
        queueBytesMax: drainQueueBytesMax,
        openPartition: (name, partition, control) =>
          openLoader({ lane, topic: name, partition, control, inFlight: drainInFlight, parking: null }, parts),
      }),
    async waiting(parked, groupId, partition) {
      const lags = await groupLag(connection, groupId, [parked])
      return lags.find((lag) => lag.partition === partition)?.lag ?? 0n
    },
  })

  const consumer: Consumer = createConsumer({
    ...group,
    groupId: `loader.${lane}`,
    topics: [topic],
    queueBytesMax: config.queueBytesMax,
    fetchBytesMax,
    async openPartition(_topic, partition, control) {
      const position = { control, partition, next: 0n }
      positions.set(`${topic}/${partition}`, position)
      const noted: PartitionControl = {
        alive: () => control.alive(),
        reopen: () => control.reopen(),
        highWatermark: () => control.highWatermark(),
        commit(nextOffset) {
          position.next = nextOffset
          control.commit(nextOffset)
        },
      }
      const parkings = await patiently(parts, control, 'store', () => listParkings(parts.store, { lane, partition }))
      const parking: PartitionParking = {
        lane,
        parkedBefore: parkings.filter(({ state }) => state === 'parked').map(({ projectId }) => projectId),
        startDraining: (projectId) => drains.start(projectId),
        stopDraining: (projectId) => drains.stop(projectId),
        waiting: (projectId) => drains.waiting(projectId, partition),
      }
      return openLoader({ lane, topic, partition, control: noted, inFlight, parking }, parts)
    },
  })

  return {
    isMember: () => consumer.isMember(),
    inFlightBytes: () => inFlight.bytes + drainInFlight.bytes,
    lag: () =>
      consumer.assignment().flatMap((name) => {
        const position = positions.get(name)
        if (!position || position.next === 0n) return []
        const value = Number(position.control.highWatermark() - position.next)
        return [{ value, labels: { stage: 'load', lane, partition: position.partition } }]
      }),
    async close() {
      await consumer.close()
      await drains.close()
    },
  }
}

type Opening = {
  readonly lane: Lane
  readonly topic: string
  readonly partition: number
  readonly control: PartitionControl
  readonly inFlight: InFlightBytes
  readonly parking: PartitionParking | null
}

/** Reads from Postgres where the partition stands, and makes its worker. */
async function openLoader(opening: Opening, parts: LaneParts): Promise<OpenedPartition> {
  const { lane, topic, partition, control } = opening
  const { config, store, instance, links, log, stopping } = parts
  const place = { topic, partition }
  const open = () => openPartition(store, { ...place, owner: instance })
  const { nextOffset, counted } = await patiently(parts, control, 'store', open)
  const worker = new PartitionLoader({
    ...parts,
    ...opening,
    counted: new CountedSeqs(counted),
    recorder: {
      offset: nextOffset,
      store: { open, record: (step) => recordProgress(store, { ...place, ...step }) },
    },
    link: (projectId) => links.of(projectId),
    delivery: {
      policy: { ...defaultRetryPolicy, budgetMs: config.retryBudgetMs, maxMs: config.retryMaxMs },
      now: () => performance.now(),
      random: Math.random,
      wait: waitAlive,
    },
    limits: { ...config, tickMs },
    // A folder of its own: what an owner before has gathered, this process included, is gathered again.
    spoolDir: path.join(config.spoolDir, topic, String(partition), randomUUID()),
    isLookupPartition: (syncId) => partitionOfSync(syncId, config.partitions) === partition,
    countingAttempts: (runId) => patiently(parts, control, 'store', () => countingAttempts(store, runId)),
    async failRun(runId, code, message) {
      const hint = 'Start the sync again; when it fails in the same way, look at the log of the loader.'
      const from = ['planning', 'reading', 'draining'] as const
      await patiently(parts, control, 'store', () =>
        transitionRun(store, { runId, from, to: 'failed', error: { code, message, hint } }),
      )
    },
    labels: { stage: 'load', lane },
    log: log.child({ topic, partition }),
    patiently: (what, work, signal, alive) =>
      withPatience(what, work, { signal: AbortSignal.any([signal, stopping]), log, passes, alive }),
  })
  return { worker, startOffset: nextOffset }
}

function patiently<T>(parts: LaneParts, control: PartitionControl, what: string, work: () => Promise<T>): Promise<T> {
  return withPatience(what, work, { signal: parts.stopping, log: parts.log, passes, alive: () => control.alive() })
}

/** Registry or store is away, and will be back. */
function passes(error: unknown): boolean {
  return isUnavailable(error) || (error instanceof RegistryError && error.code === 'unavailable')
}
