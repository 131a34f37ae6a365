import type { BatchHeader, Marker } from '@millrace/domain/wire/batch-header.ts'
import { readChangeBatch } from '@millrace/domain/wire/change-batch.ts'
import { beforeColumnsFromAvro, rowSchemaFromAvro } from '@millrace/domain/wire/change-schema.ts'
import { decodeMarker } from '@millrace/domain/wire/marker.ts'
import { compileSkipRow } from '@millrace/domain/wire/skip-row.ts'
import type { ChangeOp } from '@millrace/domain/words.ts'
import { createConsumer } from '@millrace/kafka/kafkajs-client.ts'
import type { InMessage } from '@millrace/kafka/port.ts'
import { unframe } from '@millrace/registry/frame.ts'
import type { Registry } from '@millrace/registry/registry.ts'
import { createLogger } from '@millrace/telemetry/logger.ts'

export type SeenChange = {
  readonly op: ChangeOp
  /** Avro bytes as hex; null when the change has none. */
  readonly row: string | null
  readonly before: string | null
}
export type SeenBatch = {
  readonly partition: number
  readonly header: BatchHeader
  readonly rowIds: readonly string[]
  readonly changes: readonly SeenChange[]
}
export type SeenMarker = { readonly partition: number; readonly marker: Marker; readonly batchesBefore: number }

/** Everything that stands in the changes topic, in the order of each partition. */
export class ChangesSeen {
  readonly batches: SeenBatch[] = []
  readonly markers: SeenMarker[] = []
  readonly #registry: Registry
  readonly #consumer

  constructor(brokers: string, registry: Registry) {
    this.#registry = registry
    this.#consumer = createConsumer({
      brokers: [brokers],
      clientId: 'test',
      logger: createLogger({ service: 'test', instance: 'one', level: 'silent' }),
      groupId: 'test',
      topics: ['changes.postgres.live'],
      onFatal: (error) => {
        throw error
      },
      openPartition: async (_topic, partition) => ({
        startOffset: 0n,
        worker: {
          accept: async (messages) => {
            for (const message of messages) await this.#add(partition, message)
          },
          close: async () => undefined,
        },
      }),
    })
  }

  batchesOf(runId: string): SeenBatch[] {
    return this.batches.filter(({ header }) => header.runId === runId)
  }

  markersOf(runId: string, kind: Marker['kind']): SeenMarker[] {
    return this.markers.filter(({ marker }) => marker.runId === runId && marker.kind === kind)
  }

  close(): Promise<void> {
    return this.#consumer.close()
  }

  async #add(partition: number, { value }: InMessage): Promise<void> {
    const schema = await this.#registry.schemaById(unframe(value).schemaId)
    if (schema.name === 'Marker') {
      const marker = decodeMarker(value, 5)
      const before = this.batchesOf(marker.runId).filter((batch) => batch.partition === partition)
      this.markers.push({ partition, marker, batchesBefore: before.length })
      return
    }
    const skipBefore = compileSkipRow({ columns: beforeColumnsFromAvro(schema) })
    const cursor = readChangeBatch(value, 5, compileSkipRow(rowSchemaFromAvro(schema)), skipBefore)
    const hex = (start: number, end: number) => (start < 0 ? null : value.toString('hex', start, end))
    const rowIds: string[] = []
    const changes: SeenChange[] = []
    while (cursor.next()) {
      const { op, rowIdStart, rowStart, rowEnd, beforeStart, beforeEnd } = cursor
      rowIds.push(value.toString('hex', rowIdStart, rowIdStart + 32))
      changes.push({ op, row: hex(rowStart, rowEnd), before: hex(beforeStart, beforeEnd) })
    }
    this.batches.push({ partition, header: cursor.header, rowIds, changes })
  }
}
