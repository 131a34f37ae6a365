import { shown } from '../shown.ts'
import type { ConnectionCheck, TableRef } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'
import { type Catalog, findTable, listSchemas } from './catalog.ts'
import { databricksError } from './errors.ts'
import { quoteName, quoteTable } from './identifiers.ts'
import { feedStatement } from './plan-mirror.ts'
import { deltaTable } from './table-versions.ts'

type Warning = { readonly code: string; readonly message: string; readonly hint: string }
type Step = {
  readonly step: string
  /** The step of the set-up that makes it hold. */
  readonly setUpStep: string
  readonly work: (signal: AbortSignal) => Promise<Warning | null>
}

/** Tries what a sync needs, up to the first step that fails. A cluster that is starting is not waited for. */
export async function checkConnection(
  place: Catalog,
  signal: AbortSignal,
  table: TableRef | undefined,
): Promise<readonly ConnectionCheck[]> {
  const checks: ConnectionCheck[] = []
  for (const { step, setUpStep, work } of stepsOf(place, table)) {
    try {
      const warning = await work(signal)
      checks.push({ step, ok: true, setUpStep, ...(warning ?? {}) })
    } catch (error) {
      signal.throwIfAborted()
      const { code, message, hint } = databricksError(error)
      const isLogin = code === 'authentication_failed'
      checks.push({ step, ok: false, setUpStep: isLogin ? 'authentication' : setUpStep, code, message, hint })
      return checks
    }
  }
  return checks
}

function stepsOf(place: Catalog, table: TableRef | undefined): readonly Step[] {
  const { client, catalog } = place
  const done = async (work: Promise<unknown>) => {
    await work
    return null
  }
  const cluster = {
    step: 'Can log in and use the cluster',
    setUpStep: 'compute',
    work: (signal: AbortSignal) => done(client.check(signal)),
  }
  if (table === undefined)
    return [
      cluster,
      {
        step: `Can see schemas of the catalog ${catalog}`,
        setUpStep: 'read-data',
        work: (signal) => done(seeSchemas(place, signal)),
      },
    ]
  return [
    cluster,
    {
      step: `Can read ${shown(table)}`,
      setUpStep: 'read-data',
      work: (signal) => done(readTable(place, table, signal)),
    },
    {
      step: 'Can follow its changes',
      setUpStep: 'change-data-feed',
      work: (signal) => followTable(place, table, signal),
    },
  ]
}

async function seeSchemas(place: Catalog, signal: AbortSignal): Promise<void> {
  if ((await listSchemas(place, signal)).length > 0) return
  throw new WarehouseError(
    'permission_denied',
    `Millrace may see no schema of the catalog ${place.catalog}.`,
    `Run: GRANT USE CATALOG ON CATALOG ${quoteName(place.catalog)} TO \`APPLICATION_ID\`;`,
  )
}

async function readTable(place: Catalog, table: TableRef, signal: AbortSignal): Promise<void> {
  await findTable(place, table, signal)
  await place.client.ask(`SELECT '1' AS one FROM ${quoteTable(place.catalog, table)} LIMIT 1`, signal)
}

/** Only mirror needs it, so that it is not there is a warning. */
async function followTable(place: Catalog, table: TableRef, signal: AbortSignal): Promise<Warning | null> {
  const { isDelta, kind } = await findTable(place, table, signal)
  if (!isDelta)
    return {
      code: 'mode_not_supported',
      message: `${shown(table)} ${kind === 'table' ? 'is not a Delta table' : 'is a view'}: it cannot be mirrored.`,
      hint: 'Other modes read it by one statement, so at one moment, in one piece.',
    }
  const { hasChangeFeed } = await deltaTable(place, table, signal)
  if (hasChangeFeed) return null
  return {
    code: 'mode_not_supported',
    message: `The change data feed of ${shown(table)} is not enabled: it cannot be mirrored.`,
    hint: `Run: ${feedStatement(place.catalog, table)}`,
  }
}
