import type { RunLeavings } from '../warehouse.ts'
import { catalogStatements } from './catalog-statements.ts'
import type { SnowflakeClient } from './client.ts'
import { type Place, pinOf } from './plan-parts.ts'
import { drop, initialPrefix, queryTag, runPrefix, stagedTables, streamPrefix, streams } from './staging.ts'

/**
 * Removes what a run that has ended may have left, found by its id, so also what a process made that died before its plan was
 * stored: statements at work, tables and streams of the connector's schema. Of streams the one stays that the next run begins
 * from. Safe to repeat.
 */
export async function cleanUp(
  { client }: Place,
  { runId, plan, isNeeded, isSucceeded }: RunLeavings,
  signal: AbortSignal,
): Promise<void> {
  await stopStatements(client, runId, signal)
  const pin = plan === null ? null : pinOf(plan)
  await drop(client, 'TABLE', await stagedTables(client, runPrefix(runId), signal), signal)
  const made = (await streams(client, streamPrefix(runId), signal)).map(({ name }) => String(name))
  const initial = (await streams(client, initialPrefix(runId), signal)).map(({ name }) => String(name))
  // Without a plan it is not known which one the next attempt takes up.
  const unneeded = isNeeded ? made.filter((name) => pin !== null && name !== pin.stream) : made
  const last = isSucceeded && pin?.lastStream ? [pin.lastStream] : []
  await drop(client, 'STREAM', [...initial, ...unneeded, ...last], signal)
}

/** A statement that goes on would make anew what is removed. */
async function stopStatements(client: SnowflakeClient, runId: string, signal: AbortSignal): Promise<void> {
  const rows = await client.ask(catalogStatements.running(client.options.database, queryTag(runId)), signal)
  for (const [id] of rows) if (id !== null && id !== undefined) await client.ask(catalogStatements.cancel(id), signal)
}
