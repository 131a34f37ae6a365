import { createHash } from 'node:crypto'
import type { TableRef } from '../warehouse.ts'
import { catalogStatements } from './catalog-statements.ts'
import type { RedshiftClient } from './client.ts'
import { quoteTable } from './identifiers.ts'
import { ask } from './run-step.ts'

/**
 * Names of what a run makes. They derive from ids of ours and from what is asked for, so that a plan made again after its
 * process died finds what it made, and a plan of another table or schema does not.
 */
export function resultsName(runId: string, what: string): string {
  return `${runPrefix(runId)}${what}`
}

export function snapshotName(runId: string, what: string): string {
  return `${snapshotPrefix(runId)}${what}`
}

export function runPrefix(runId: string): string {
  return `run_${bare(runId)}_`
}

export function snapshotPrefix(runId: string): string {
  return `snapshot_${bare(runId)}_`
}

/** A part of a name: what asks for the same has the same. */
export function fingerprintOf(parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16)
}

function bare(id: string): string {
  const text = id.toLowerCase().replaceAll('-', '')
  if (!/^[a-z0-9]{1,40}$/.test(text)) throw new Error('the id is not one of ours')
  return text
}

/** The tables of the staging schema whose names begin so. */
export async function staged(
  client: RedshiftClient,
  stagingSchema: string,
  prefix: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const rows = await ask(client, [catalogStatements.staged(stagingSchema, prefix)], signal)
  return rows.map(([name]) => String(name))
}

/** Whether a table of this name is there. */
export async function isStaged(
  { client, stagingSchema }: { readonly client: RedshiftClient; readonly stagingSchema: string },
  name: string,
  signal: AbortSignal,
): Promise<boolean> {
  return (await staged(client, stagingSchema, `${name}$`, signal)).length > 0
}

/** Removes tables, all or none; safe to repeat. */
export async function dropTables(
  client: RedshiftClient,
  tables: readonly TableRef[],
  signal: AbortSignal,
): Promise<void> {
  if (tables.length === 0) return
  await ask(
    client,
    tables.map((table) => `DROP TABLE IF EXISTS ${quoteTable(table)}`),
    signal,
  )
}
