import type { MillraceError } from '@millrace/domain/errors.ts'
import { shown } from '../shown.ts'
import type { ConnectionCheck, TableRef } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'
import { findTable } from './catalog.ts'
import { type ConnectParts, connectPostgres, type Session } from './connect.ts'
import { postgresError } from './errors.ts'
import { quoteIdentifier, quoteTable } from './identifiers.ts'

/** The steps of connecting, in order, the codes of errors that show at which step it ended, and the step of the set-up that is missing then. */
const connectSteps: readonly {
  readonly step: string
  readonly codes: readonly string[]
  readonly tunnelOnly?: true
  readonly setUpStep?: string
}[] = [
  { step: 'Reach the bastion and log in to it', codes: ['ssh_'], tunnelOnly: true },
  { step: 'Reach the server', codes: ['host_', 'port_'] },
  { step: 'Encrypt the connection', codes: ['tls_', 'ca_'] },
  { step: 'Log in', codes: [], setUpStep: 'role' },
  { step: 'Open the database', codes: ['database_', 'permission_denied'], setUpStep: 'connect' },
]

const logInStep = 3

/** Tries what a sync needs, up to the first step that fails. */
export async function checkConnection(
  parts: ConnectParts,
  statementMs: number,
  signal: AbortSignal,
  table: TableRef | undefined,
): Promise<readonly ConnectionCheck[]> {
  const steps = connectSteps.filter((each) => !each.tunnelOnly || parts.tunnel !== null)
  let session: Session
  try {
    session = await connectPostgres(parts, statementMs, signal)
  } catch (error) {
    signal.throwIfAborted()
    return failedConnect(steps, postgresError(error))
  }
  try {
    const checks: ConnectionCheck[] = steps.map(({ tunnelOnly, codes: _, ...step }) => ({
      ...step,
      ok: true,
      ...(tunnelOnly && parts.tunnel?.hostKey ? { found: { sshHostKey: parts.tunnel.hostKey } } : {}),
    }))
    checks.push(await check('Only read', 'role', () => checkRole(session)))
    checks.push(await check('See schemas', 'read-schema', () => checkSchemas(session)))
    if (table !== undefined)
      checks.push(await check(`Read ${shown(table)}`, 'read-schema', () => checkTable(session, table)))
    signal.throwIfAborted()
    return checks
  } finally {
    await session.end()
  }
}

function failedConnect(steps: typeof connectSteps, error: MillraceError): readonly ConnectionCheck[] {
  const found = steps.findIndex(({ codes }) => codes.some((prefix) => error.code.startsWith(prefix)))
  const failed = found >= 0 ? found : steps.indexOf(connectSteps[logInStep]!)
  return steps
    .slice(0, failed + 1)
    .map(({ step, setUpStep }, i) =>
      i < failed ? { step, ok: true, ...(setUpStep && { setUpStep }) } : failure(step, setUpStep, error),
    )
}

type Warning = { readonly code: string; readonly message: string; readonly hint: string }

async function check(step: string, setUpStep: string, work: () => Promise<Warning | null>): Promise<ConnectionCheck> {
  try {
    return { step, ok: true, setUpStep, ...(await work()) }
  } catch (error) {
    return failure(step, setUpStep, postgresError(error))
  }
}

function failure(step: string, setUpStep: string | undefined, { code, message, hint }: MillraceError): ConnectionCheck {
  return { step, ok: false, ...(setUpStep && { setUpStep }), code, message, hint }
}

/** Our sessions are read-only whatever the role may do; a role that may write is still more than is needed. */
async function checkRole({ client }: Session): Promise<Warning | null> {
  const { rows } = await client.query<{ super: boolean; writes: boolean }>(
    `SELECT r.rolsuper AS super, EXISTS (
       SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
         AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
     ) AS writes FROM pg_roles r WHERE r.rolname = current_user`,
  )
  const role = rows[0]
  if (!role?.super && !role?.writes) return null
  return {
    code: 'role_may_write',
    message: role.super ? 'The role is a superuser.' : 'The role may change tables.',
    hint: 'Millrace only reads. Make a role for it that may do no more: see docs/warehouses/postgres.md.',
  }
}

async function checkSchemas({ client }: Session): Promise<Warning | null> {
  const { rows } = await client.query<{ exists: boolean; readable: boolean }>(
    `SELECT count(*) > 0 AS exists,
       coalesce(bool_or(has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')), false) AS readable
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'`,
  )
  if (rows[0]?.readable) return null
  if (!rows[0]?.exists) {
    return {
      code: 'no_tables',
      message: 'The database has no tables yet.',
      hint: 'Check that this is the right database.',
    }
  }
  throw new WarehouseError(
    'permission_denied',
    'The role may read no table in this database.',
    'GRANT USAGE on a schema and SELECT on its tables to it: see docs/warehouses/postgres.md.',
  )
}

async function checkTable({ client }: Session, table: TableRef): Promise<Warning | null> {
  const found = await findTable(client, table)
  await client.query(
    `SELECT ${found.columns.map(({ name }) => quoteIdentifier(name)).join(', ')} FROM ${quoteTable(found.table)} LIMIT 1`,
  )
  return null
}
