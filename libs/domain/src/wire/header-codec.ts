import type { AvroReader } from './avro-reader.ts'
import type { AvroWriter } from './avro-writer.ts'
import type { BatchHeader } from './batch-header.ts'

/** BatchHeader = project_id sync_id run_id run_seq generation mapping_version chunk attempt seq rows bytes traceparent */
export function writeHeader(writer: AvroWriter, header: BatchHeader): void {
  writer.writeString(header.projectId)
  writer.writeString(header.syncId)
  writer.writeString(header.runId)
  writer.writeLong(header.runSeq)
  writer.writeInt(header.generation)
  writer.writeInt(header.mappingVersion)
  writer.writeInt(header.chunk)
  writer.writeInt(header.attempt)
  writer.writeInt(header.seq)
  writer.writeInt(header.rows)
  writer.writeLong(header.bytes)
  writer.writeString(header.traceparent)
}

export function readHeader(reader: AvroReader): BatchHeader {
  return {
    projectId: reader.readString(),
    syncId: reader.readString(),
    runId: reader.readString(),
    runSeq: reader.readSafeLong(),
    generation: reader.readInt(),
    mappingVersion: reader.readInt(),
    chunk: reader.readInt(),
    attempt: reader.readInt(),
    seq: reader.readInt(),
    rows: reader.readInt(),
    bytes: reader.readSafeLong(),
    traceparent: reader.readString(),
  }
}
