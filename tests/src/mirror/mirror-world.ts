import type { PipelineClient, PipelineProject } from '@millrace/local-stack/pipeline-client.ts'
import type { Stack } from '@millrace/local-stack/stack.ts'
import type { MirrorWarehouse } from './mirror-warehouse.ts'

/** A stack, the warehouse that it reads from, and a project with a source there. */
export type MirrorWorld = {
  readonly stack: Stack
  readonly pipeline: PipelineClient
  readonly warehouse: MirrorWarehouse
  readonly project: PipelineProject
  readonly sourceId: string
}

export async function createMirrorProject(
  { stack, pipeline, warehouse }: Pick<MirrorWorld, 'stack' | 'pipeline' | 'warehouse'>,
  name: string,
): Promise<MirrorWorld> {
  const project = await pipeline.createProject(name)
  const sourceId = await warehouse.createSource(stack, project)
  return { stack, pipeline, warehouse, project, sourceId }
}
