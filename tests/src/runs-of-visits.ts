import assert from 'node:assert/strict'
import type { PipelineProject } from '@millrace/local-stack/pipeline-client.ts'
import type { RunAnswer } from '@millrace/local-stack/run-answer.ts'
import { assertSameVisits } from './same-visits.ts'
import type { TestStack } from './start-test-stack.ts'
import { createVisits, type VisitsOptions, type VisitsTable, visitsMapping } from './visits.ts'

/** A table of visits with an append sync of its own project. */
export type VisitsSync = {
  readonly table: VisitsTable
  readonly project: PipelineProject
  readonly syncId: string
  readonly importId: string
}

export async function createVisitsSync(
  { pipeline, source }: TestStack,
  name: string,
  options: VisitsOptions & { readonly overlapMs?: number },
): Promise<VisitsSync> {
  const table = await createVisits(source, name, options)
  const project = await pipeline.createProject(name)
  const { id: sourceId } = await pipeline.createSource(project, name, source.connection)
  const sync = await pipeline.createSync(project, {
    name,
    sourceId,
    table: { schema: 'public', name: table.name },
    tableType: 'events',
    mode: 'append',
    insertTimeColumn: 'inserted_at',
    overlapMs: options.overlapMs ?? 0,
    mapping: visitsMapping,
  })
  return { table, project, syncId: sync.id, importId: sync.importId }
}

/** Waits for the end of a run of the whole table, and asserts that its counts are exact and that source and destination are the same. */
export async function assertWholeTable(
  { pipeline, source }: TestStack,
  { table, project, importId }: VisitsSync,
  runId: string,
): Promise<RunAnswer> {
  const run = await pipeline.succeeded(project, runId, { timeoutMs: 120_000 })
  assert.equal(run.counts.read, table.rows, run.report)
  assert.equal(run.counts.events, table.rows - table.identical, run.report)
  assert.equal(run.counts.collapsed, table.identical, run.report)
  assert.equal(run.counts.rejected, 0, run.report)
  assert.equal(run.counts.missing, 0, run.report)
  const same = await assertSameVisits({ source, project, table: table.name, importId })
  assert.equal(same, table.rows - table.identical)
  return run
}
