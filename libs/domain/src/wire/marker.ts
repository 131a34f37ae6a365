import { AvroError } from './avro-error.ts'
import { AvroReader } from './avro-reader.ts'
import { AvroWriter } from './avro-writer.ts'
import type { Marker } from './batch-header.ts'

const kinds = ['run_open', 'run_end'] as const

/** Avro bytes of a marker (schemas/marker.avsc), without the registry's prefix. */
export function encodeMarker(marker: Marker): Buffer {
  const writer = new AvroWriter(256)
  writer.writeInt(kinds.indexOf(marker.kind))
  writer.writeString(marker.projectId)
  writer.writeString(marker.syncId)
  writer.writeString(marker.runId)
  writer.writeLong(marker.runSeq)
  writer.writeInt(marker.generation)
  writer.writeInt(marker.mappingVersion)
  writer.writeInt(marker.epoch)
  writer.writeLong(marker.rows)
  writer.writeLong(marker.batches)
  return writer.take()
}

/** The marker that begins at `offset`. Throws `AvroError` when the bytes are none. */
export function decodeMarker(buffer: Buffer, offset = 0): Marker {
  const reader = new AvroReader(buffer, offset)
  const kind = kinds[reader.readInt()]
  if (kind === undefined) throw new AvroError('the kind of a marker is neither run_open nor run_end')
  return {
    kind,
    projectId: reader.readString(),
    syncId: reader.readString(),
    runId: reader.readString(),
    runSeq: reader.readSafeLong(),
    generation: reader.readInt(),
    mappingVersion: reader.readInt(),
    epoch: reader.readInt(),
    rows: reader.readSafeLong(),
    batches: reader.readSafeLong(),
  }
}
