import type { TableRef } from '../warehouse.ts'
import type { Bucket } from './bucket.ts'
import type { RedshiftClient } from './client.ts'
import type { FileContents } from './file-contents.ts'
import { pinLost } from './pin-lost.ts'
import { runStep } from './run-step.ts'
import { isStaged } from './staging.ts'
import { manifestName, readManifest, type UnloadedFile, unloadStatement } from './unload.ts'

/** Where the rows of runs are kept while they are read. */
export type Place = {
  readonly client: RedshiftClient
  readonly bucket: Bucket
  readonly stagingSchema: string
  readonly iamRole: string
  /** Called after each step of a plan that is not undone by a crash: tests end a plan there. */
  readonly afterStep?: ((step: 'set_aside' | 'snapshot' | 'unloaded') => void | Promise<void>) | undefined
}

const manifestBytesMax = 64 * 1024 * 1024

/** Makes a table unless it is there: CREATE TABLE AS leaves a whole table or none. */
export async function makeOnce(
  place: Place,
  { runId, table, sqls }: { readonly runId: string; readonly table: TableRef; readonly sqls: readonly string[] },
  signal: AbortSignal,
): Promise<void> {
  const there = () => isStaged(place, table.name, signal)
  if (await there()) return
  try {
    await runStep(place.client, { runId, step: table.name.slice(-16), sqls: () => sqls }, signal)
  } catch (error) {
    // An attempt that died long ago, whose statement was at work still, may have made it in between.
    if (signal.aborted || !(await there())) throw error
  }
}

export type Unloaded = { readonly path: string; readonly files: readonly UnloadedFile[] }

/**
 * Has Redshift write the rows into the bucket, at a place of their own per epoch and failure, so that no half of a failed
 * UNLOAD is ever read. The manifest is written last.
 */
export async function unload(
  place: Place,
  runId: string,
  epoch: number,
  what: FileContents,
  signal: AbortSignal,
): Promise<Unloaded> {
  const { bucket, client, iamRole } = place
  if (what.rows === 0) return { path: pathOf(runId, epoch, 0), files: [] }
  const { attempt } = await runStep(
    client,
    {
      runId,
      step: `unload-${epoch}`,
      sqls: (failures) => [
        ...what.prelude,
        unloadStatement({ ...what, place: bucket.place(pathOf(runId, epoch, failures)), iamRole }),
      ],
    },
    signal,
  )
  const path = pathOf(runId, epoch, attempt)
  const manifest = await bucket.text(path + manifestName, manifestBytesMax, signal)
  if (manifest === null) throw pinLost()
  const files = readManifest(manifest, bucket.place(path))
  if (files.reduce((sum, { rows }) => sum + rows, 0) !== what.rows) throw pinLost()
  await place.afterStep?.('unloaded')
  return { path, files }
}

/** Below the source's part of the bucket, all of a run stands under its id. */
function pathOf(runId: string, epoch: number, attempt: number): string {
  return `${runPath(runId)}${epoch}-${attempt}/`
}

export function runPath(runId: string): string {
  if (!/^[A-Za-z0-9-]{1,60}$/.test(runId)) throw new Error('the id is not one of ours')
  return `${runId}/`
}
