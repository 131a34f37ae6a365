import { changesTopic } from '@millrace/kafka/topic-names.ts'
import type { RunContext } from '@millrace/store/runs/run-context.ts'
import { completeRead } from '@millrace/store/tasks/complete-read.ts'
import type { LeasedTask } from '@millrace/store/tasks/lease-task.ts'
import { runPin } from '@millrace/store/tasks/run-pin.ts'
import { failpoint } from '@millrace/telemetry/failpoint.ts'
import type { StageLabels } from '@millrace/telemetry/instruments.ts'
import { traceparentOfRun } from '@millrace/telemetry/traceparent.ts'
import type { ChunkSpec, ReadPlan } from '@millrace/warehouses/warehouse.ts'
import { registerChanges } from './changes-schema.ts'
import { type ChunkHeader, type ChunkManifest, ChunkPublisher } from './chunk-publisher.ts'
import type { ExtractorContext, TaskAtWork } from './extractor-context.ts'

/**
 * Reads one chunk and publishes its rows. The chunk counts only when its manifest is stored under the lease's attempt;
 * whatever an attempt that was cut short has published is loaded harmlessly and counted by nobody.
 */
export async function readTask(context: ExtractorContext, work: TaskAtWork): Promise<void> {
  const { task, run, log } = work
  const span = context.tracing.start('extract.chunk', traceparentOfRun(run.runId), {
    project: run.projectId,
    sync: run.syncId,
    run: run.runId,
    chunk: task.index,
    attempt: task.attempt,
  })
  try {
    const manifest = await publishChunk(context, work)
    if (manifest) {
      await failpoint('extractor.beforeChunkStored')
      const counted = await completeRead(context.db, {
        runId: run.runId,
        index: task.index,
        attempt: task.attempt,
        ...manifest,
      })
      log.info({ rows: manifest.rows, counted }, 'chunk read')
    }
    span.end()
  } catch (error) {
    span.end(error)
    throw error
  }
}

/** null when the run has gone. */
async function publishChunk(context: ExtractorContext, work: TaskAtWork): Promise<ChunkManifest | null> {
  const { task, run, keeper, notes } = work
  const pinned = await runPin(context.db, run.runId)
  if (!pinned) return null
  const plan = pinned.plan as ReadPlan
  notes.pinEpoch = pinned.pinEpoch
  const warehouse = await context.warehouseOf(run.sourceId)
  const publisher = await openPublisher(context, work, plan, pinned.partitions)
  await keeper.admitted()
  notes.publisher = publisher
  const abandon = () => publisher.fail(keeper.signal.reason)
  keeper.signal.addEventListener('abort', abandon, { once: true })
  const { rows } = await warehouse.readChunk(plan, task.spec as ChunkSpec, pinned.pinShared, publisher, keeper.signal)
  const manifest = await publisher.finish()
  if (manifest.rows !== rows) {
    throw new Error(`chunk ${task.index}: the warehouse counted ${rows} rows, ${manifest.rows} were published`)
  }
  return manifest
}

async function openPublisher(
  context: ExtractorContext,
  { task, run, keeper }: TaskAtWork,
  plan: ReadPlan,
  partitions: number,
): Promise<ChunkPublisher> {
  const labels: StageLabels = { stage: 'extract', lane: run.lane, warehouse: run.warehouse }
  const { recordsIn, recordsOut, bytesOut, batchSeconds } = context.instruments
  return new ChunkPublisher({
    producer: context.producer,
    header: chunkHeader(run, task),
    target: {
      topic: changesTopic(run.warehouse, run.lane),
      schemaId: await registerChanges(context, run, plan),
      tableType: run.tableType,
      partitions,
      beforeColumns: plan.before.length,
    },
    limits: context.limits,
    gate: keeper,
    acknowledged(rows, bytes, seconds) {
      recordsIn.add(rows, labels)
      recordsOut.add(rows, labels)
      bytesOut.add(bytes, labels)
      batchSeconds.record(seconds, labels)
    },
  })
}

function chunkHeader(run: RunContext, task: LeasedTask): ChunkHeader {
  return {
    projectId: run.projectId,
    syncId: run.syncId,
    runId: run.runId,
    runSeq: run.runSeq,
    generation: run.generation,
    mappingVersion: run.mappingVersion,
    chunk: task.index,
    attempt: task.attempt,
    traceparent: traceparentOfRun(run.runId),
  }
}
