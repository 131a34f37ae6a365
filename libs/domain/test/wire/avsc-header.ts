import type { BatchHeader } from '@millrace/domain/wire/batch-header.ts'

/** The header as the other Avro implementation holds it. */
export function avscHeader(header: BatchHeader): Record<string, unknown> {
  return {
    project_id: header.projectId,
    sync_id: header.syncId,
    run_id: header.runId,
    run_seq: BigInt(header.runSeq),
    generation: header.generation,
    mapping_version: header.mappingVersion,
    chunk: header.chunk,
    attempt: header.attempt,
    seq: header.seq,
    rows: header.rows,
    bytes: BigInt(header.bytes),
    traceparent: header.traceparent,
  }
}
