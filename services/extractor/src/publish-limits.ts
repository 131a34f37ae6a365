import type { PublishLimits } from './chunk-publisher.ts'

/** Below the 2 MB that the producer puts into one record batch, so that a request carries a few batches of many partitions. */
const sendBytes = 1024 * 1024
/** Two requests of the producer at most: one on its way, one being filled. */
const unackedBytesMax = 8 * 1024 * 1024

/** Limits of one chunk's publishing; what is configured is the size of a message. */
export function publishLimits(
  config: Pick<PublishLimits, 'batchRowsMax' | 'batchBytesMax' | 'rowBytesMax'>,
): PublishLimits {
  const { batchRowsMax, batchBytesMax, rowBytesMax } = config
  return { batchRowsMax, batchBytesMax, rowBytesMax, sendBytes, unackedBytesMax }
}
