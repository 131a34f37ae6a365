import { AvroError } from '@millrace/domain/wire/avro-error.ts'
import type { Marker } from '@millrace/domain/wire/batch-header.ts'
import { decodeMarker } from '@millrace/domain/wire/marker.ts'
import { readUpdateBatch, type UpdateCursor } from '@millrace/domain/wire/update-batch.ts'
import { deadLetter } from '@millrace/kafka/dead-letter.ts'
import type { InMessage, Producer } from '@millrace/kafka/port.ts'
import { deadLetterTopic } from '@millrace/kafka/topic-names.ts'
import { unframe } from '@millrace/registry/frame.ts'
import { RegistryError } from '@millrace/registry/registry-error.ts'
import type { Instruments, StageLabels } from '@millrace/telemetry/instruments.ts'
import type { Logger } from '@millrace/telemetry/logger.ts'
import type { WireSchemas } from './wire-schemas.ts'

export type ReaderParts = {
  readonly topic: string
  readonly partition: number
  readonly schemas: WireSchemas
  readonly producer: Producer
  readonly instruments: Instruments
  readonly labels: StageLabels
  readonly log: Logger
  /** Waits while the registry is away. */
  patiently<T>(work: () => Promise<T>): Promise<T>
}

/** An update batch or a marker; null when the message can never be read: it stands in the dead-letter topic then. */
export type MessageReader = (message: InMessage) => Promise<UpdateCursor | Marker | null>

export function createMessageReader(parts: ReaderParts): MessageReader {
  const { topic, partition, schemas, producer, instruments, labels, log, patiently } = parts
  return async (message) => {
    try {
      const { schemaId, payload } = unframe(message.value)
      const kind = schemas.known(schemaId) ?? (await patiently(() => schemas.load(schemaId)))
      return kind === 'marker' ? decodeMarker(payload) : readUpdateBatch(payload)
    } catch (error) {
      if (!isUndecodable(error)) throw error
      log.error({ err: error, offset: message.offset }, 'message set aside: it cannot be read')
      instruments.deadLetters.add(1, { ...labels, reason: 'undecodable' })
      await producer.send(deadLetterTopic, [deadLetter({ topic, partition, message }, 'undecodable', error)])
      return null
    }
  }
}

/** Is the message itself at fault? A closed list: a store or registry that is away must never be taken for that. */
function isUndecodable(error: unknown): boolean {
  if (error instanceof RegistryError) return error.code === 'not_framed' || error.code === 'unknown_id'
  return error instanceof AvroError
}
