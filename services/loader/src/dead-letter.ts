import type { InMessage, OutMessage } from '@millrace/kafka/port.ts'

const valueBytesMax = 64 * 1024

/** One JSON object about a message that cannot be read: where it stands, why it was set aside, the beginning of its bytes. */
export function deadLetter(topic: string, partition: number, message: InMessage, error: unknown): OutMessage {
  const { offset, timestampMs, value } = message
  const letter = {
    reason: 'undecodable',
    topic,
    partition,
    offset: offset.toString(),
    timestamp: new Date(timestampMs).toISOString(),
    bytes: value.length,
    error: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
    value: value.toString('base64', 0, valueBytesMax),
  }
  return { partition: 0, value: Buffer.from(JSON.stringify(letter)) }
}
