import { setTimeout as sleep } from 'node:timers/promises'
import type { Lane, WarehouseKind } from '@millrace/domain/words.ts'
import type * as Kafkajs from 'kafkajs'
import { withAdmin } from './admin.ts'
import { brokerErrorTypes, isRefusal, KafkaError } from './kafka-error.ts'
import type { ConnectionOptions } from './kafkajs.ts'
import { changesTopic, deadLetterTopic, updatesTopic } from './topic-names.ts'

export type TopicSettings = {
  readonly partitions: number
  /** 1 on one broker, 3 in production. */
  readonly replicas?: number
  /** Data is kept this long, loaded or not. */
  readonly retentionMs?: number
  /** And at most this much of each partition; left out = no limit by size. */
  readonly retentionBytes?: number
}

export type EnsureTopicsOptions = ConnectionOptions &
  TopicSettings & {
    readonly warehouses: readonly WarehouseKind[]
    readonly lanes: readonly Lane[]
    /** How long to wait for a cluster that is just starting, ms. */
    readonly timeoutMs?: number
  }

const messageBytesMax = 8 * 1024 * 1024
const weekMs = 7 * 24 * 3600 * 1000

/**
 * Makes the topics of the chain where they are missing: changes per warehouse and lane, updates per lane, dead letters.
 * A changes topic and its lane's updates topic must have the same partitions, since batches keep theirs; rejects with
 * KafkaError `topic_mismatch` when a topic that exists has another count. Any number of processes may call it at once.
 */
export async function ensureTopics(options: EnsureTopicsOptions): Promise<void> {
  const names = options.lanes.flatMap((lane) => [
    ...options.warehouses.map((warehouse) => changesTopic(warehouse, lane)),
    updatesTopic(lane),
  ])
  await whenClusterAnswers(options, async (admin) => {
    for (const name of names) await ensureWith(admin, name, options)
    await ensureWith(admin, deadLetterTopic, { ...options, partitions: 1 })
  })
}

/** Makes one topic where it is missing, such as `parkedTopic(projectId)`; same rules as `ensureTopics`. */
export async function ensureTopic(
  options: ConnectionOptions & TopicSettings & { readonly topic: string; readonly timeoutMs?: number },
): Promise<void> {
  await whenClusterAnswers(options, (admin) => ensureWith(admin, options.topic, options))
}

async function ensureWith(admin: Kafkajs.Admin, topic: string, settings: TopicSettings): Promise<void> {
  const present = await partitionCount(admin, topic)
  if (present === null) await create(admin, topic, settings)
  else if (present !== settings.partitions) {
    throw new KafkaError('topic_mismatch', `${topic} has ${present} partitions, not ${settings.partitions}.`)
  }
}

async function create(admin: Kafkajs.Admin, topic: string, settings: TopicSettings): Promise<void> {
  const { partitions, replicas = 1, retentionMs = weekMs, retentionBytes = -1 } = settings
  const created = await admin.createTopics({
    waitForLeaders: true,
    topics: [
      {
        topic,
        numPartitions: partitions,
        replicationFactor: replicas,
        configEntries: [
          { name: 'max.message.bytes', value: String(messageBytesMax) },
          { name: 'retention.ms', value: String(retentionMs) },
          { name: 'retention.bytes', value: String(retentionBytes) },
          { name: 'message.timestamp.type', value: 'LogAppendTime' },
          ...(replicas >= 3 ? [{ name: 'min.insync.replicas', value: '2' }] : []),
        ],
      },
    ],
  })
  // Another process was faster: look at what it made.
  if (!created) await ensureWith(admin, topic, settings)
}

/** Partitions of a topic, null when there is no such topic. */
async function partitionCount(admin: Kafkajs.Admin, topic: string): Promise<number | null> {
  const names = await admin.listTopics()
  if (!names.includes(topic)) return null
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
  return topics[0]!.partitions.length
}

/** A cluster that is starting refuses, has no controller, or knows nobody for a while; that passes. */
async function whenClusterAnswers(
  options: ConnectionOptions & { readonly timeoutMs?: number },
  work: (admin: Kafkajs.Admin) => Promise<void>,
): Promise<void> {
  const deadline = performance.now() + (options.timeoutMs ?? 60_000)
  for (let attempt = 0; ; attempt++) {
    try {
      return await withAdmin(options, work)
    } catch (error) {
      if (error instanceof KafkaError) throw error
      if (isRefusal(error)) throw new KafkaError('not_allowed', (error as Error).message, { cause: error })
      if (performance.now() > deadline) {
        throw new KafkaError('unavailable', 'The topics could not be looked up or made.', { cause: error })
      }
      options.logger.info({ types: brokerErrorTypes(error), attempt }, 'Kafka is not ready, trying again')
      await sleep(Math.min(2000, 200 * 2 ** attempt))
    }
  }
}
