import type { MillraceError } from '@millrace/domain/errors.ts'
import { shown } from '../shown.ts'
import type { ConnectionCheck, TableRef } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'
import { findTable, listSchemas } from './catalog.ts'
import type { SnowflakeClient } from './client.ts'
import { quoteName, quoteTable } from './identifiers.ts'

type Step = {
  readonly step: string
  /** The step of the set-up that makes it hold. */
  readonly setUpStep: string
  readonly work: (signal: AbortSignal) => Promise<unknown>
  /** What to do when Millrace may not do it, or does not find it. */
  readonly grant?: string
}

/** Tries what a sync needs, up to the first step that fails. */
export async function checkConnection(
  client: SnowflakeClient,
  signal: AbortSignal,
  table: TableRef | undefined,
): Promise<readonly ConnectionCheck[]> {
  const checks: ConnectionCheck[] = []
  for (const { step, setUpStep, work, grant } of stepsOf(client, table)) {
    try {
      await work(signal)
      checks.push({ step, ok: true, setUpStep })
    } catch (error) {
      signal.throwIfAborted()
      checks.push({ step, ok: false, setUpStep, ...told(client.failure(error) as MillraceError, grant) })
      return checks
    }
  }
  return checks
}

const grantable: ReadonlySet<string> = new Set(['permission_denied', 'table_not_found'])

function told({ code, message, hint }: MillraceError, grant: string | undefined) {
  return grantable.has(code) && grant !== undefined && !/\bRun: |run: /.test(hint)
    ? { code, message, hint: grant }
    : { code, message, hint }
}

function stepsOf(client: SnowflakeClient, table: TableRef | undefined): readonly Step[] {
  const { user, role, warehouse, database, connectorSchema } = client.options
  const ownSchema = `${quoteName(database)}.${quoteName(connectorSchema)}`
  const inOwn = (what: string) => `Run: GRANT USAGE, ${what} ON SCHEMA ${ownSchema} TO ROLE ${role};`
  return [
    { step: `Can log in as ${user}`, setUpStep: 'user', work: (signal) => client.connect(signal) },
    {
      step: `Can take the role ${role}`,
      setUpStep: 'role',
      work: (signal) => takeRole(client, signal),
    },
    {
      step: `Can use the warehouse ${warehouse}`,
      setUpStep: 'warehouse',
      work: (signal) => useVirtualWarehouse(client, signal),
    },
    table === undefined
      ? { step: 'Can read a schema', setUpStep: 'read', work: (signal) => seeSchemas(client, signal) }
      : {
          step: `Can read schema ${table.schema}: ${shown(table)}`,
          setUpStep: 'read',
          work: (signal) => readTable(client, table, signal),
        },
    {
      step: `Can write the connector’s schema ${connectorSchema}`,
      setUpStep: 'connector-schema',
      work: (signal) => writeOwn(client, signal),
      grant: inOwn('CREATE TABLE'),
    },
    {
      step: `Can make streams in ${connectorSchema}`,
      setUpStep: 'connector-schema',
      work: (signal) => makeStream(client, signal),
      grant: inOwn('CREATE STREAM'),
    },
  ]
}

async function takeRole(client: SnowflakeClient, signal: AbortSignal): Promise<void> {
  const { role, user } = client.options
  const [row] = await client.ask('SELECT CURRENT_ROLE()', signal)
  if (row?.[0] === role) return
  throw new WarehouseError(
    'permission_denied',
    `The user ${user} may not take the role ${role}.`,
    `Run: GRANT ROLE ${role} TO USER ${user};`,
  )
}

async function useVirtualWarehouse(client: SnowflakeClient, signal: AbortSignal): Promise<void> {
  const { warehouse, role, database } = client.options
  const [row] = await client.ask('SELECT CURRENT_WAREHOUSE()', signal)
  if (row?.[0] !== warehouse)
    throw new WarehouseError(
      'permission_denied',
      `The warehouse ${warehouse} does not exist, or the role ${role} may not use it.`,
      `Run: GRANT USAGE ON WAREHOUSE ${warehouse} TO ROLE ${role};`,
    )
  // Only what reads data shows whether it is at work or may be resumed.
  await client.ask(`SELECT COUNT(*) FROM ${quoteName(database)}.INFORMATION_SCHEMA.SCHEMATA`, signal)
}

async function seeSchemas(client: SnowflakeClient, signal: AbortSignal): Promise<void> {
  if ((await listSchemas(client, signal)).length > 0) return
  const { database, role } = client.options
  throw new WarehouseError(
    'permission_denied',
    'Millrace may read no schema of the database.',
    `Run: GRANT USAGE ON DATABASE ${quoteName(database)} TO ROLE ${role}; GRANT USAGE ON ALL SCHEMAS IN DATABASE ${quoteName(database)} TO ROLE ${role};`,
  )
}

async function readTable(client: SnowflakeClient, table: TableRef, signal: AbortSignal): Promise<void> {
  const { database, role } = client.options
  await findTable(client, table, signal)
  const name = quoteTable(database, table)
  try {
    await client.ask(`SELECT 1 FROM ${name} LIMIT 1`, signal)
  } catch (error) {
    const { code } = error as { code?: string }
    if (!grantable.has(code ?? '')) throw error
    const message = `The role ${role} may not read ${shown(table)}.`
    throw new WarehouseError('permission_denied', message, `Run: GRANT SELECT ON TABLE ${name} TO ROLE ${role};`)
  }
}

const checkName = 'MILLRACE_CHECK'

function ownName({ options: { database, connectorSchema: schema } }: SnowflakeClient, name: string): string {
  return quoteTable(database, { schema, name })
}

async function writeOwn(client: SnowflakeClient, signal: AbortSignal): Promise<void> {
  const name = ownName(client, checkName)
  await client.ask(`DROP TABLE IF EXISTS ${name}`, signal)
  await client.ask(`CREATE TRANSIENT TABLE ${name} AS SELECT 1 AS one`, signal)
}

/** On the table of the step before, which goes with it. */
async function makeStream(client: SnowflakeClient, signal: AbortSignal): Promise<void> {
  const name = ownName(client, checkName)
  const stream = ownName(client, `${checkName}_STREAM`)
  try {
    await client.ask(`DROP STREAM IF EXISTS ${stream}`, signal)
    await client.ask(`CREATE STREAM ${stream} ON TABLE ${name}`, signal)
    await client.ask(`DROP STREAM ${stream}`, signal)
  } finally {
    await client.ask(`DROP TABLE IF EXISTS ${name}`, signal)
  }
}
