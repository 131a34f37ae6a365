import { markerSchema } from '@millrace/domain/wire/avro-schemas.ts'
import type { Marker } from '@millrace/domain/wire/batch-header.ts'
import { encodeMarker } from '@millrace/domain/wire/marker.ts'
import { changesTopic } from '@millrace/kafka/topic-names.ts'
import { frame } from '@millrace/registry/frame.ts'
import type { RunContext } from '@millrace/store/runs/run-context.ts'
import type { ExtractorContext } from './extractor-context.ts'

/** Rows and batches of the counting attempts in each partition; null for `run_open`. */
type PartitionTotals = { readonly rows: readonly number[]; readonly batches: readonly number[] } | null

/**
 * Writes one marker to every partition of the run's changes topic and waits for the acknowledgements. Repeating it is
 * harmless: a loader keeps the first `run_end` of the highest epoch.
 */
export async function writeMarkers(
  context: ExtractorContext,
  run: RunContext,
  kind: Marker['kind'],
  epoch: number,
  totals: PartitionTotals,
): Promise<void> {
  const topic = changesTopic(run.warehouse, run.lane)
  const schemaId = await context.registry.register(topic, markerSchema)
  // A run that was planned keeps its partitions, whatever this process is configured to.
  const partitions = totals?.rows.length ?? context.partitions
  const messages = Array.from({ length: partitions }, (_, partition) => ({
    partition,
    value: frame(
      schemaId,
      encodeMarker({
        kind,
        projectId: run.projectId,
        syncId: run.syncId,
        runId: run.runId,
        runSeq: run.runSeq,
        generation: run.generation,
        mappingVersion: run.mappingVersion,
        epoch,
        rows: totals?.rows[partition] ?? 0,
        batches: totals?.batches[partition] ?? 0,
      }),
    ),
  }))
  await context.producer.send(topic, messages)
}
