import type { PipelineClient, PipelineProject } from '@millrace/local-stack/pipeline-client.ts'
import type { Stack } from '@millrace/local-stack/stack.ts'
import type { MirrorWarehouse } from './mirror-warehouse.ts'
import type { RunEnds } from './run-ends.ts'

/** A stack, the warehouse that it reads from, and a project with a source there. */
export type MirrorWorld = {
  readonly stack: Stack
  readonly pipeline: PipelineClient
  readonly ends: RunEnds
  readonly warehouse: MirrorWarehouse
  readonly project: PipelineProject
  readonly sourceId: string
}

export type MirrorBase = Omit<MirrorWorld, 'project' | 'sourceId'>

export async function createMirrorProject(base: MirrorBase, name: string): Promise<MirrorWorld> {
  const project = await base.pipeline.createProject(name)
  const sourceId = await base.warehouse.createSource(base.stack, project)
  return { ...base, project, sourceId }
}
