import { mirrorCursor } from '../mirror/mirror-cursor.ts'
import type { RunLeavings } from '../warehouse.ts'
import { listTables } from './catalog.ts'
import { bigQueryError, refusalOf } from './errors.ts'
import { pinOf } from './pin.ts'
import { type Place, tableOf } from './set-aside.ts'

/**
 * Removes what a run has left in the staging dataset: rows that it has set aside, also those of its dead attempts; its own
 * snapshot unless the next run begins from it; the one that it began from itself once it has succeeded. Safe to repeat.
 */
export async function removeLeavings(place: Place, leavings: RunLeavings, signal: AbortSignal): Promise<void> {
  const { runId, plan, isNeeded, isSucceeded } = leavings
  const pin = plan === null ? null : pinOf(plan)
  const own = plan === null || pin?.mirror !== undefined ? await tablesOf(place, runId, signal) : []
  const kept = isNeeded ? keptBy(leavings) : null
  const unwanted = own.filter((name) => name !== kept && !(isNeeded && kept === null && isSnapshot(name, runId)))
  if (pin?.results) unwanted.push(pin.results)
  if (isSucceeded && pin?.mirror?.comparison.old) unwanted.push(pin.mirror.comparison.old.table)
  for (const name of new Set(unwanted)) await drop(place, name, signal)
}

/** The snapshot that the next run begins from. */
function keptBy({ plan }: RunLeavings): string | null {
  return plan?.mode === 'mirror' ? (mirrorCursor(plan.nextCursor)?.snapshot ?? null) : null
}

function isSnapshot(name: string, runId: string): boolean {
  return name.startsWith(tableOf(`millrace_${runId}_snapshot_`))
}

/** Names begin with the run's id. */
async function tablesOf({ client, stagingDataset }: Place, runId: string, signal: AbortSignal): Promise<string[]> {
  const prefix = tableOf(`millrace_${runId}_`)
  const found = await listTables(client, stagingDataset, signal)
  return found.map(({ name }) => name).filter((name) => name.startsWith(prefix))
}

async function drop({ client, stagingDataset }: Place, name: string, signal: AbortSignal): Promise<void> {
  const path = `/datasets/${stagingDataset}/tables/${name}`
  try {
    await client.attempt({ method: 'DELETE', path }, signal)
  } catch (error) {
    signal.throwIfAborted()
    if (refusalOf(error).status !== 404) throw bigQueryError(error)
  }
}
