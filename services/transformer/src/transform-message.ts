import { MappingError } from '@millrace/domain/mapping/compile.ts'
import { AvroError } from '@millrace/domain/wire/avro-error.ts'
import type { BatchHeader } from '@millrace/domain/wire/batch-header.ts'
import { readChangeBatch } from '@millrace/domain/wire/change-batch.ts'
import { UpdateBatchBuilder } from '@millrace/domain/wire/update-batch.ts'
import type { InMessage } from '@millrace/kafka/port.ts'
import { frame, unframe } from '@millrace/registry/frame.ts'
import { RegistryError } from '@millrace/registry/registry-error.ts'
import type { RunTransforms } from './run-transforms.ts'
import type { WireSchemas } from './wire-schemas.ts'

/** What one message of a changes topic becomes. */
export type Transformed =
  | {
      readonly kind: 'batch'
      readonly value: Buffer
      readonly header: BatchHeader
      readonly updates: number
      readonly rejects: number
    }
  | { readonly kind: 'marker'; readonly value: Buffer }
  | { readonly kind: 'dropped'; readonly reason: string; readonly header: BatchHeader }

export type MessageTransformer = (message: InMessage) => Promise<Transformed>

export type TransformerParts = {
  readonly schemas: WireSchemas
  readonly runs: RunTransforms
  /** Ids of the updates topic's schemas. */
  readonly ids: { readonly batch: number; readonly marker: number }
  /** Waits while registry or store is away. */
  patiently<T>(what: 'registry' | 'store', work: () => Promise<T>): Promise<T>
}

/** Shared by all partitions: between `reset` and `finish` nothing is awaited. */
const builder = new UpdateBatchBuilder()

/**
 * Makes the function that turns one message into one: a change batch into the update batch with the same header, a
 * marker into itself. The result depends on the message, the run's pinned mapping and the time at which the broker
 * appended the message, on nothing else: a repetition gives the same bytes.
 *
 * Rejects with an error for which `isUndecodable` holds when the message can never be read.
 */
export function createMessageTransformer({ schemas, runs, ids, patiently }: TransformerParts): MessageTransformer {
  const batchPrefix = frame(ids.batch, new Uint8Array())
  return async (message) => {
    const { schemaId, payload } = unframe(message.value)
    const schema = schemas.known(schemaId) ?? (await patiently('registry', () => schemas.load(schemaId)))
    if (schema.kind === 'marker') return { kind: 'marker', value: frame(ids.marker, payload) }

    const cursor = readChangeBatch(payload, 0, schema.skipRow)
    const { header } = cursor
    const run =
      runs.of(header.runId, schemaId) ??
      (await patiently('store', () => runs.load(header.runId, schemaId, schema.rowSchema, schema.before)))
    if (run.kind === 'drop') return { kind: 'dropped', reason: run.reason, header }

    const { mapping } = run
    builder.reset() // a batch that turned out undecodable may have left something
    mapping.transformBatch(cursor, message.timestampMs, builder)
    const { updates, rejects } = builder
    return { kind: 'batch', value: builder.finish(header, mapping.tableType, batchPrefix), header, updates, rejects }
  }
}

/**
 * Is the message itself at fault, or the mapping it is to go through, so that trying again or elsewhere gives the same?
 * A closed list: a store or registry that is away must never be taken for a bad message.
 */
export function isUndecodable(error: unknown): boolean {
  if (error instanceof RegistryError) return error.code === 'not_framed' || error.code === 'unknown_id'
  return error instanceof AvroError || error instanceof MappingError
}
