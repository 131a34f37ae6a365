import type * as Kafkajs from 'kafkajs'
import { type ConnectionOptions, openKafka } from './kafkajs.ts'

/** Runs something with a connected admin client. */
export async function withAdmin<T>(
  connection: ConnectionOptions,
  work: (admin: Kafkajs.Admin) => Promise<T>,
): Promise<T> {
  const admin = openKafka(connection).admin()
  try {
    await admin.connect()
    return await work(admin)
  } finally {
    await admin.disconnect()
  }
}

export type PartitionLag = {
  readonly topic: string
  readonly partition: number
  /** Next offset to be written. */
  readonly end: bigint
  /** Next offset to be read; null when the group has committed nothing there. */
  readonly committed: bigint | null
  /** Messages from the committed offset (else from the earliest record) to the end. */
  readonly lag: bigint
}

/** How far a group is behind in each partition of some topics. */
export async function groupLag(
  connection: ConnectionOptions,
  groupId: string,
  topics: readonly string[],
): Promise<PartitionLag[]> {
  return withAdmin(connection, async (admin) => {
    const committed = await admin.fetchOffsets({ groupId, topics: [...topics] })
    const lags: PartitionLag[] = []
    for (const topic of topics) {
      const offsets = committed.find((of) => of.topic === topic)?.partitions ?? []
      for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
        const offset = offsets.find((of) => of.partition === partition)?.offset ?? '-1'
        const at = offset === '-1' ? null : BigInt(offset)
        const end = BigInt(high)
        lags.push({ topic, partition, end, committed: at, lag: end - (at ?? BigInt(low)) })
      }
    }
    return lags
  })
}
