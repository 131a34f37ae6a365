import type { MillraceError } from '@millrace/domain/errors.ts'
import { shown } from '../shown.ts'
import type { ConnectionCheck, TableRef } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'
import { findTable, listSchemas, usageGrant } from './catalog.ts'
import type { RedshiftClient } from './client.ts'
import { awsError } from './errors.ts'
import { quoteName, quoteTable } from './identifiers.ts'
import { ask } from './run-step.ts'
import type { Place } from './set-aside.ts'
import { unloadStatement } from './unload.ts'

type Warning = { readonly code: string; readonly message: string; readonly hint: string }
type Step = {
  readonly step: string
  /** The step of the set-up that makes it hold. */
  readonly setUpStep: string
  readonly work: (signal: AbortSignal) => Promise<unknown>
  /** What to do when Millrace may not do it. */
  readonly grant?: string
}

/** Below the source's part of the bucket. */
const checkPath = 'millrace-check/'

/** Tries what a sync needs, up to the first step that fails. */
export async function checkConnection(
  place: Place,
  signal: AbortSignal,
  table: TableRef | undefined,
): Promise<readonly ConnectionCheck[]> {
  const checks: ConnectionCheck[] = []
  for (const { step, setUpStep, work, grant } of stepsOf(place, table)) {
    try {
      await work(signal)
      checks.push({ step, ok: true, setUpStep })
    } catch (error) {
      signal.throwIfAborted()
      checks.push({ step, ok: false, setUpStep, ...told(awsError(error), grant) })
      return checks
    }
  }
  return checks
}

function told({ code, message, hint }: MillraceError, grant: string | undefined): Warning {
  return code === 'permission_denied' && grant !== undefined && !hint.startsWith('Run: ')
    ? { code, message, hint: grant }
    : { code, message, hint }
}

function stepsOf(place: Place, table: TableRef | undefined): readonly Step[] {
  const { client, stagingSchema } = place
  const { options } = client
  const where =
    options.workgroupName === undefined ? `cluster ${options.clusterId}` : `workgroup ${options.workgroupName}`
  return [
    {
      step: `Can assume the role ${options.roleName}`,
      setUpStep: 'role',
      work: (signal) => client.assumeRole(signal),
      grant: `Let the role trust Millrace with the external id of this project, and let Millrace's own identity assume it.`,
    },
    {
      step: `Can reach the ${where}`,
      setUpStep: 'policy',
      work: async (signal) =>
        client.cancel((await client.start({ sqls: ['SELECT 1'], name: 'millrace-check' }, signal)).id),
      grant: `Allow redshift-data:ExecuteStatement and ${options.workgroupName === undefined ? 'redshift:GetClusterCredentials' : 'redshift-serverless:GetCredentials'} in the policy of the role.`,
    },
    { step: 'Can run a statement', setUpStep: 'user', work: (signal) => ask(client, ['SELECT 1'], signal) },
    table === undefined
      ? {
          step: 'Can read a schema',
          setUpStep: 'read-schema',
          work: (signal) => seeSchemas(client, stagingSchema, signal),
        }
      : {
          step: `Can read schema ${table.schema}: ${shown(table)}`,
          setUpStep: 'read-schema',
          work: (signal) => readTable(client, table, signal),
        },
    {
      step: `Can write the staging schema ${stagingSchema}`,
      setUpStep: 'staging-schema',
      work: (signal) => writeStaging(client, stagingSchema, signal),
      grant: `Run: GRANT USAGE, CREATE ON SCHEMA ${quoteName(stagingSchema)} TO ${quoteName(client.user)};`,
    },
    {
      step: `Can unload to the bucket ${options.stagingBucket}`,
      setUpStep: 'unload-policy',
      work: (signal) => unloadOne(place, signal),
    },
    {
      step: `Can read and delete in the bucket ${options.stagingBucket}`,
      setUpStep: 'policy',
      work: (signal) => readAndRemove(place, signal),
      grant: `Allow s3:GetObject, s3:DeleteObject and s3:ListBucket for the bucket in the policy of the role ${options.roleName}.`,
    },
  ]
}

async function seeSchemas(client: RedshiftClient, stagingSchema: string, signal: AbortSignal): Promise<void> {
  if ((await listSchemas(client, stagingSchema, signal)).length > 0) return
  const grant = usageGrant('SCHEMA_TO_BE_SYNCED', client.user)
  throw new WarehouseError('permission_denied', 'Millrace may read no schema of the database.', `Run: ${grant}`)
}

async function readTable(client: RedshiftClient, table: TableRef, signal: AbortSignal): Promise<void> {
  await findTable(client, table, signal)
  await ask(client, [`SELECT 1 FROM ${quoteTable(table)} LIMIT 1`], signal)
}

/** Makes a table and takes it back: a transaction that fails leaves nothing. */
async function writeStaging(client: RedshiftClient, stagingSchema: string, signal: AbortSignal): Promise<void> {
  const table = quoteTable({ schema: stagingSchema, name: 'millrace_check' })
  try {
    await ask(
      client,
      [`DROP TABLE IF EXISTS ${table}`, `CREATE TABLE ${table} AS SELECT 1 AS one`, `DROP TABLE ${table}`],
      signal,
    )
  } catch (error) {
    if ((error as { code?: string }).code !== 'table_not_found') throw error
    throw new WarehouseError(
      'table_not_found',
      `There is no schema ${stagingSchema} in the database.`,
      `Run: CREATE SCHEMA ${quoteName(stagingSchema)} AUTHORIZATION ${quoteName(client.user)};`,
    )
  }
}

async function unloadOne({ client, bucket, iamRole }: Place, signal: AbortSignal): Promise<void> {
  await bucket.removeAll(checkPath, signal).catch((error: unknown) => {
    // Whether Millrace may remove objects is the next step's question.
    signal.throwIfAborted()
    if ((error as { code?: string }).code !== 'permission_denied') throw error
  })
  const columns = [{ rule: 'integer' as const, name: 'one' }]
  const from = '(SELECT CAST(1 AS BIGINT) AS one) AS t'
  const sql = unloadStatement({ columns, from, rows: 1, place: bucket.place(checkPath), iamRole })
  await ask(client, [sql.replace('MANIFEST VERBOSE', 'ALLOWOVERWRITE MANIFEST VERBOSE')], signal)
}

async function readAndRemove({ bucket }: Place, signal: AbortSignal): Promise<void> {
  for await (const paths of bucket.list(checkPath, signal)) {
    for (const path of paths) await bucket.text(path, 1_000_000, signal)
  }
  await bucket.removeAll(checkPath, signal)
}
