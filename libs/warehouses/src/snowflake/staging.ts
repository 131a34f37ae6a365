import { createHash } from 'node:crypto'
import { catalogStatements } from './catalog-statements.ts'
import type { NamedRow, SnowflakeClient } from './client.ts'
import { causeOf } from './errors.ts'
import { quoteTable } from './identifiers.ts'

/** The error of Snowflake for a name that is taken. */
const alreadyThere = '002002'

/**
 * Names of what a run makes. They derive from ids of ours and from what is asked for, so that a plan made again after its
 * process died finds what it made, and a plan of another table or schema does not.
 */
export function runPrefix(runId: string): string {
  return `RUN_${bare(runId)}_`
}

export function streamPrefix(runId: string): string {
  return `STREAM_${bare(runId)}_`
}

/** Of a first run: the stream that gives all rows of the table. */
export function initialPrefix(runId: string): string {
  return `INITIAL_${bare(runId)}_`
}

/** All statements of a run are listed under it in the query history. */
export function queryTag(runId: string): string {
  return `millrace:${runId}`
}

/** A part of a name: what asks for the same has the same. */
export function fingerprintOf(parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16).toUpperCase()
}

function bare(id: string): string {
  const text = id.toUpperCase().replaceAll('-', '')
  if (!/^[A-Z0-9]{1,40}$/.test(text)) throw new Error('the id is not one of ours')
  return text
}

/** The tables of the connector's schema whose names begin so. */
export async function stagedTables(
  client: SnowflakeClient,
  prefix: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { database, connectorSchema } = client.options
  const rows = await client.ask(catalogStatements.staged(database, connectorSchema, prefix), signal)
  return rows.map(([name]) => String(name))
}

/** The streams of the connector's schema whose names begin so, as SHOW STREAMS tells them. */
export async function streams(
  client: SnowflakeClient,
  prefix: string,
  signal: AbortSignal,
): Promise<readonly NamedRow[]> {
  const { database, connectorSchema } = client.options
  const rows = await client.show(catalogStatements.streams(database, connectorSchema, prefix), signal)
  return rows.filter(({ name }) => name?.startsWith(prefix))
}

export async function isTable(client: SnowflakeClient, name: string, signal: AbortSignal): Promise<boolean> {
  return (await stagedTables(client, name, signal)).includes(name)
}

export async function findStream(
  client: SnowflakeClient,
  name: string,
  signal: AbortSignal,
): Promise<NamedRow | undefined> {
  return (await streams(client, name, signal)).find((each) => each.name === name)
}

/**
 * Makes something under a name of the run unless it is there. Snowflake makes it whole or not at all; of two attempts that
 * ask at once one makes it and the other finds it.
 */
export async function makeOnce(
  client: SnowflakeClient,
  { sql, tag, isThere }: { readonly sql: string; readonly tag: string; readonly isThere: () => Promise<boolean> },
  signal: AbortSignal,
): Promise<void> {
  if (await isThere()) return
  try {
    await client.ask(sql, signal, tag)
  } catch (error) {
    // An attempt that died long ago, whose statement was at work still, may have made it in between.
    const isTaken = causeOf(error).endsWith(alreadyThere.slice(2))
    if (signal.aborted || !(isTaken || (await isThere()))) throw error
  }
}

/** Removes objects of the connector's schema; safe to repeat. */
export async function drop(
  client: SnowflakeClient,
  kind: 'TABLE' | 'STREAM',
  names: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const { database, connectorSchema: schema } = client.options
  for (const name of names) await client.ask(`DROP ${kind} IF EXISTS ${quoteTable(database, { schema, name })}`, signal)
}
