import { changeBatchSchema } from '@millrace/domain/wire/change-schema.ts'
import { changesTopic } from '@millrace/kafka/topic-names.ts'
import type { ChunkSpec, ReadPlan } from '@millrace/warehouses/warehouse.ts'
import { completeRead } from '@millrace/store/tasks/complete-read.ts'
import { runPin } from '@millrace/store/tasks/run-pin.ts'
import { failpoint } from '@millrace/telemetry/failpoint.ts'
import { ChunkPublisher } from './chunk-publisher.ts'
import type { ExtractorContext, TaskAtWork } from './extractor-context.ts'

/** Bytes and rows of the attempt at work, for the lease's renewal. */
export type ReadProgress = { publisher: ChunkPublisher | null }

/**
 * Reads one chunk and publishes its rows. The chunk counts only when its manifest is stored under the lease's attempt;
 * whatever an attempt that was cut short has published is loaded harmlessly and counted by nobody.
 */
export async function readTask(
  context: ExtractorContext,
  { task, run, keeper, log }: TaskAtWork,
  progress: ReadProgress,
): Promise<void> {
  const pinned = await runPin(context.db, run.runId)
  if (!pinned) return
  const plan = pinned.plan as ReadPlan
  const warehouse = await context.warehouseOf(run.sourceId)
  const topic = changesTopic(run.warehouse, run.lane)
  const publisher = new ChunkPublisher(
    context.producer,
    {
      projectId: run.projectId,
      syncId: run.syncId,
      runId: run.runId,
      runSeq: run.runSeq,
      generation: run.generation,
      mappingVersion: run.mappingVersion,
      chunk: task.index,
      attempt: task.attempt,
      traceparent: '',
      topic,
      schemaId: await context.registry.register(topic, changeBatchSchema(plan.schema, `millrace.changes.${run.sourceId}`)),
      tableType: run.tableType,
      partitions: context.partitions,
    },
    context.limits,
    () => keeper.gate(),
  )
  progress.publisher = publisher
  const { rows } = await warehouse.readChunk(plan, task.spec as ChunkSpec, pinned.pinShared, publisher, keeper.signal)
  const manifest = await publisher.finish()
  if (manifest.rows !== rows) {
    throw new Error(`chunk ${task.index}: the warehouse counted ${rows} rows, ${manifest.rows} were published`)
  }
  await failpoint('extractor.beforeChunkStored')
  const counted = await completeRead(context.db, {
    runId: run.runId,
    index: task.index,
    attempt: task.attempt,
    rows,
    partitionRows: manifest.partitionRows,
    partitionBatches: manifest.partitionBatches,
    bytes: manifest.bytes,
  })
  log.info({ chunk: task.index, attempt: task.attempt, rows, counted }, 'chunk read')
}
