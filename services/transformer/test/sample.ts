import { randomUUID } from 'node:crypto'
import { beforeColumns } from '@millrace/domain/mapping/before-columns.ts'
import type { RowSchema } from '@millrace/domain/row-schema.ts'
import { markerSchema } from '@millrace/domain/wire/avro-schemas.ts'
import { AvroWriter } from '@millrace/domain/wire/avro-writer.ts'
import type { BatchHeader, Marker } from '@millrace/domain/wire/batch-header.ts'
import { ChangeBatchBuilder } from '@millrace/domain/wire/change-batch.ts'
import { changeBatchSchema } from '@millrace/domain/wire/change-schema.ts'
import { encodeMarker } from '@millrace/domain/wire/marker.ts'
import type { InMessage } from '@millrace/kafka/port.ts'
import { frame } from '@millrace/registry/frame.ts'
import type { RecordSchema, Registry } from '@millrace/registry/registry.ts'
import { RegistryError } from '@millrace/registry/registry-error.ts'
import type { TransformRun } from '../src/run-transforms.ts'

/** A small table of events, its runs, batches and markers. */

export const rowSchema: RowSchema = {
  table: 'public.visits',
  key: [],
  columns: [
    { name: 'at', type: 'timestamp', sourceType: 'timestamptz' },
    { name: 'visitor', type: 'string', sourceType: 'text' },
    { name: 'pages', type: 'integer', sourceType: 'int8' },
  ],
}

export const nowMs = Date.UTC(2026, 0, 2)

export function makeRun(state = 'reading'): TransformRun {
  return {
    runId: randomUUID(),
    syncId: 'sync-1',
    importId: 'import-1',
    warehouse: 'postgres',
    generation: 1,
    mapping: { tableType: 'events', eventName: { value: 'Visit' }, time: 'at', userId: 'visitor' },
    state,
  }
}

export function makeHeader(run: TransformRun, seq: number): Omit<BatchHeader, 'rows' | 'bytes'> {
  return {
    projectId: 'project-1',
    syncId: run.syncId,
    runId: run.runId,
    runSeq: 1,
    generation: run.generation,
    mappingVersion: 1,
    chunk: 0,
    attempt: 1,
    seq,
    traceparent: '',
  }
}

/** A framed batch of `rows` visits; the visitor of row n is `user-<seq>-<n>`. `badRows` of them lie a day in the future. */
export function changeBatch(schemaId: number, run: TransformRun, seq: number, rows: number, badRows = 0): Buffer {
  const builder = new ChangeBatchBuilder()
  for (let n = 0; n < rows; n++) {
    const row = new AvroWriter(64)
    row.writeSome()
    row.writeLong((nowMs + (n < badRows ? 86_400_000 : -1000)) * 1000)
    row.writeSome()
    row.writeString(`user-${seq}-${n}`)
    row.writeSome()
    row.writeLong(n)
    const rowId = Buffer.alloc(32)
    rowId.writeUInt32BE(seq)
    rowId.writeUInt32BE(n, 4)
    builder.append('insert', n, rowId, row.take())
  }
  return frame(schemaId, builder.finish(makeHeader(run, seq)))
}

/** A framed batch of one visit that was at `oldMs` before and is at `newMs` now, written with `registerMirror`'s schema. */
export function movedVisit(schemaId: number, run: TransformRun, oldMs: number, newMs: number): Buffer {
  const [row, before] = [newMs, oldMs].map((ms) => {
    const writer = new AvroWriter(64)
    writer.writeSome()
    writer.writeLong(ms * 1000)
    writer.writeSome()
    writer.writeString('user-1')
    return writer
  })
  row!.writeNull()
  const image = row!.take()
  const builder = new ChangeBatchBuilder()
  builder.append('update', 0, Buffer.alloc(32, 1), image, 0, image.length, before!.take())
  return frame(schemaId, builder.finish(makeHeader(run, 0)))
}

export function marker(schemaId: number, run: TransformRun, kind: Marker['kind']): Buffer {
  const { projectId, syncId, runId, runSeq, generation, mappingVersion } = makeHeader(run, 0)
  const counts = { epoch: 1, rows: 10, batches: 2 }
  return frame(
    schemaId,
    encodeMarker({ kind, projectId, syncId, runId, runSeq, generation, mappingVersion, ...counts }),
  )
}

export function inMessage(offset: number, value: Buffer, timestampMs = nowMs): InMessage {
  return { offset: BigInt(offset), value, timestampMs }
}

/** A registry in memory; `down` makes it unreachable. */
export class MemoryRegistry implements Registry {
  readonly #schemas: string[] = []
  down = false

  async register(_topic: string, schema: object): Promise<number> {
    this.#check()
    const text = JSON.stringify(schema)
    const at = this.#schemas.indexOf(text)
    return at >= 0 ? at + 1 : this.#schemas.push(text)
  }

  async schemaById(id: number): Promise<RecordSchema> {
    this.#check()
    const text = this.#schemas[id - 1]
    if (!text) throw new RegistryError('unknown_id', `no schema ${id}`)
    return JSON.parse(text)
  }

  async reachable(): Promise<boolean> {
    return !this.down
  }

  #check(): void {
    if (this.down) throw new RegistryError('unavailable', 'down')
  }
}

/** The schema of the same table with before-images. */
export function registerMirror(registry: Registry): Promise<number> {
  const before = beforeColumns(makeRun().mapping, rowSchema)
  return registry.register(
    'changes.bigquery.live',
    changeBatchSchema(rowSchema, 'millrace.changes.visits', before) as object,
  )
}

export async function registerSamples(registry: Registry): Promise<{ changes: number; marker: number }> {
  const schema = changeBatchSchema(rowSchema, 'millrace.changes.visits') as object
  return {
    changes: await registry.register('changes.postgres.live', schema),
    marker: await registry.register('changes.postgres.live', markerSchema),
  }
}
