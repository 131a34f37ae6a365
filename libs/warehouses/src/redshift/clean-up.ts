import type { RunLeavings } from '../warehouse.ts'
import { pinOf } from './plan-parts.ts'
import { statementName } from './run-step.ts'
import { type Place, runPath } from './set-aside.ts'
import { dropTables, runPrefix, snapshotPrefix, staged } from './staging.ts'

/**
 * Removes what a run that has ended may have left, found by its id, so also what a process made that died before its plan was
 * stored: statements at work, objects of the bucket, tables of the staging schema. Of snapshots the one stays that the next run
 * begins from. Safe to repeat.
 */
export async function cleanUp(
  { client, bucket, stagingSchema }: Place,
  { runId, plan, isNeeded, isSucceeded }: RunLeavings,
  signal: AbortSignal,
): Promise<void> {
  // A statement that goes on would make anew what is removed here.
  for (const id of await client.running(statementName(runId), signal)) await client.cancel(id)
  await bucket.removeAll(runPath(runId), signal)
  const pin = plan === null ? null : pinOf(plan)
  const made = await staged(client, stagingSchema, `(${runPrefix(runId)}|${snapshotPrefix(runId)})`, signal)
  const snapshots = made.filter((name) => name.startsWith(snapshotPrefix(runId)))
  const rows = made.filter((name) => !snapshots.includes(name))
  // Without a plan it is not known which one the next attempt takes up.
  const unneeded = isNeeded ? snapshots.filter((name) => pin !== null && name !== pin.snapshot) : snapshots
  const last = isSucceeded && pin?.lastSnapshot ? [pin.lastSnapshot] : []
  const names = [...rows, ...unneeded, ...last]
  await dropTables(
    client,
    names.map((name) => ({ schema: stagingSchema, name })),
    signal,
  )
}
