/**
 * Confluent wire format (https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format):
 *
 *     message = %x00 schema-id (int32, big-endian) payload (Avro binary)
 */
import { RegistryError } from './registry-error.ts'

const headerBytes = 5

/** The bytes before a payload, for builders that put them in front themselves and so save the copy of `frame`. */
export function framePrefix(schemaId: number): Buffer {
  const prefix = Buffer.alloc(headerBytes)
  prefix.writeInt32BE(schemaId, 1)
  return prefix
}

/** Puts a schema id before an Avro payload; one copy. */
export function frame(schemaId: number, payload: Uint8Array): Buffer {
  const message = Buffer.allocUnsafe(headerBytes + payload.length)
  message.set(framePrefix(schemaId))
  message.set(payload, headerBytes)
  return message
}

export type Unframed = {
  readonly schemaId: number
  /** A view on the message, not a copy. */
  readonly payload: Buffer
}

/** Takes a message apart. Throws RegistryError `not_framed`. */
export function unframe(message: Buffer): Unframed {
  if (message.length < headerBytes || message[0] !== 0) {
    throw new RegistryError('not_framed', 'The message does not begin with a schema id.')
  }
  return { schemaId: message.readInt32BE(1), payload: message.subarray(headerBytes) }
}
