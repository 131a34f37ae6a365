import type { InMessage, OutMessage } from './port.ts'

export type Coordinates = { readonly topic: string; readonly partition: number; readonly message: InMessage }

const valueBytesMax = 64 * 1024

/**
 * One JSON object about a message that cannot be read: where it stands, why it was set aside, and (the beginning of) its
 * bytes, so that it can be looked into after the topic has dropped it.
 */
export function deadLetter({ topic, partition, message }: Coordinates, reason: string, error: unknown): OutMessage {
  const { offset, timestampMs, value } = message
  const letter = {
    reason,
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
