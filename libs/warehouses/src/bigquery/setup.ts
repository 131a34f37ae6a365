import type { MillraceError } from '@millrace/domain/errors.ts'
import { shown } from '../shown.ts'
import type { ConnectionCheck, TableRef, TableWarning } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'
import { type FoundTable, findTable, listSchemas } from './catalog.ts'
import type { BigQueryClient } from './client.ts'
import { bigQueryError, refusalOf } from './errors.ts'
import { checkDataset } from './identifiers.ts'
import { dryRun } from './jobs.ts'
import { grantJobs, grantRead, grantStaging, grantStreams } from './set-up-steps.ts'
import { originOf } from './source-range.ts'
import { selectStatement } from './statements.ts'
import type { StorageClient } from './storage-client.ts'

export type CheckParts = {
  readonly client: BigQueryClient
  readonly storage: StorageClient | null
  readonly stagingDataset: string
  readonly serviceAccount: string
}

type Step = {
  readonly step: string
  /** The step of the set-up that makes it hold. */
  readonly setUpStep: string
  readonly work: (signal: AbortSignal) => Promise<TableWarning | null>
  /** What to run when the service account may not do it. */
  readonly grant?: string
}

/** Tries what a sync needs, up to the first step that fails. */
export async function checkConnection(
  parts: CheckParts,
  signal: AbortSignal,
  table: TableRef | undefined,
): Promise<readonly ConnectionCheck[]> {
  const checks: ConnectionCheck[] = []
  for (const { step, setUpStep, work, grant } of stepsOf(parts, table)) {
    try {
      checks.push({ step, ok: true, setUpStep, ...(await work(signal)) })
    } catch (error) {
      signal.throwIfAborted()
      const known = bigQueryError(error)
      const missing = known.code === 'table_not_found' && setUpStep === 'write-staging' ? 'staging-dataset' : setUpStep
      checks.push({ step, ok: false, setUpStep: missing, ...told(known, grant) })
      return checks
    }
  }
  return checks
}

function told({ code, message, hint }: MillraceError, grant: string | undefined): TableWarning {
  return code === 'permission_denied' && grant !== undefined
    ? { code, message, hint: `Run: ${grant}` }
    : { code, message, hint }
}

function stepsOf(
  { client, storage, stagingDataset, serviceAccount }: CheckParts,
  table: TableRef | undefined,
): readonly Step[] {
  const names = { projectId: client.projectId, serviceAccount, stagingDataset }
  const steps: Step[] = [
    { step: 'Sign in', setUpStep: 'service-account', work: async (signal) => ok(client.logIn(signal)) },
    {
      step: 'Can run jobs',
      setUpStep: 'run-jobs',
      work: async (signal) => ok(dryRun(client, 'SELECT 1', client.location, signal)),
      grant: grantJobs(names),
    },
    {
      step: `Can write staging dataset ${stagingDataset}`,
      setUpStep: 'write-staging',
      work: (signal) => writeStaging(client, stagingDataset, signal, () => streamsWarning(storage, names, signal)),
      grant: grantStaging(names),
    },
    {
      step: 'See datasets',
      setUpStep: 'read-dataset',
      work: (signal) => seeDatasets(client, stagingDataset, signal),
      grant: grantRead(names),
    },
  ]
  if (table !== undefined) {
    checkDataset(table.schema)
    steps.push({
      step: `Can read dataset ${table.schema}: ${shown(table)}`,
      setUpStep: 'read-dataset',
      work: (signal) => readTable(client, stagingDataset, table, signal),
      grant: grantRead({ ...names, dataset: table.schema }),
    })
  }
  return steps
}

async function ok(work: Promise<unknown>): Promise<null> {
  await work
  return null
}

/** Makes an empty table that removes itself within the hour, and removes it. */
async function writeStaging(
  client: BigQueryClient,
  stagingDataset: string,
  signal: AbortSignal,
  look: () => Promise<TableWarning | null>,
): Promise<TableWarning | null> {
  const path = `/datasets/${stagingDataset}`
  const tableReference = { projectId: client.projectId, datasetId: stagingDataset, tableId: 'millrace_check' }
  const body = { tableReference, schema: { fields: [{ name: 'c', type: 'INTEGER' }] } }
  try {
    await client.call({ path }, signal)
    await client.attempt({ method: 'POST', path: `${path}/tables`, body }, signal)
  } catch (error) {
    // Another test at the same moment has made it: that one may write, too.
    if (refusalOf(error).status !== 409) throw stagingError(error, stagingDataset)
  }
  const warning = await look()
  await client.attempt({ method: 'DELETE', path: `${path}/tables/millrace_check` }, signal).catch((error) => {
    if (refusalOf(error).status !== 404) throw stagingError(error, stagingDataset)
  })
  return warning
}

type Names = { readonly projectId: string; readonly serviceAccount: string; readonly stagingDataset: string }

/** Syncs work without; whatever else is wrong here shows in a run, which then reads pages. */
async function streamsWarning(
  storage: StorageClient | null,
  names: Names,
  signal: AbortSignal,
): Promise<TableWarning | null> {
  if (storage === null) return null
  try {
    await storage.openSession({ dataset: names.stagingDataset, table: 'millrace_check', streamsMax: 1 }, signal)
  } catch (error) {
    signal.throwIfAborted()
    if (refusalOf(error).status !== 403) return null
    return {
      code: 'reads_by_pages',
      message:
        'The service account may not use the Storage Read API: large tables are read by pages, which takes longer.',
      hint: `Run: ${grantStreams(names)}`,
    }
  }
  return null
}

function stagingError(error: unknown, stagingDataset: string): MillraceError {
  const known = bigQueryError(error)
  if (known.code !== 'table_not_found') return known
  return new WarehouseError(
    'table_not_found',
    `There is no dataset ${stagingDataset}, or the service account may not see it.`,
    'Make it in the location of the tables, and grant it roles/bigquery.dataOwner there: see docs/warehouses/bigquery.md.',
  )
}

async function seeDatasets(client: BigQueryClient, stagingDataset: string, signal: AbortSignal): Promise<null> {
  const found = await listSchemas(client, stagingDataset, signal)
  if (found.length > 0) return null
  throw new WarehouseError('permission_denied', 'The service account may read no dataset of the project.', '')
}

/** A dry run costs nothing and needs what reading needs. */
async function readTable(
  client: BigQueryClient,
  stagingDataset: string,
  table: TableRef,
  signal: AbortSignal,
): Promise<TableWarning | null> {
  const found = await findTable(client, table, signal)
  await dryRun(client, selectStatement(originOf(client, found, null), found.columns, null), found.location, signal)
  const staging = await client.call<{ location?: string }>({ path: `/datasets/${stagingDataset}` }, signal)
  if (staging.location !== undefined && found.location !== undefined && staging.location !== found.location)
    throw new WarehouseError(
      'options_invalid',
      `The staging dataset is in ${staging.location}, the table in ${found.location}.`,
      `Make a staging dataset in ${found.location}, and another source with it.`,
    )
  return costWarning(found)
}

/** The guide: "In an un-partitioned BigQuery table, the filtering results in a full scan of all data". */
export function costWarning({ kind, partitioning, table }: FoundTable): TableWarning | null {
  if (kind !== 'TABLE') return null
  if (partitioning.kind === 'ingestion_time')
    return {
      code: 'partitioned_by_ingestion_time',
      message: `${shown(table)} is partitioned by ingestion time, which append cannot use.`,
      hint: 'Partition it by the insert-time column.',
    }
  if (partitioning.kind === 'column') return null
  return {
    code: 'not_partitioned',
    message: `${shown(table)} is not partitioned: every append run scans all of it.`,
    hint: 'Partition it by the insert-time column; then a run reads the newest partitions only.',
  }
}
