import type { ConnectionCheck, TableRef } from '@millrace/warehouses/warehouse.ts'
import { warehouseDrivers } from '@millrace/warehouses/warehouse-drivers.ts'
import type { ApiContext } from './api-context.ts'
import { ApiProblem, invalid, type ProblemDetail } from './http/api-problem.ts'
import { type CheckAnswer, granteeOf, withSetUp } from './set-up.ts'
import { type Connection, useWarehouse } from './use-warehouse.ts'

/** Connections tried for one project. */
const testRate = { requests: 60, windowMs: 60_000 }

/** Throws a 422 that names every option that is wrong; nothing was connected yet. */
export function checkOptions({ warehouse, options, secrets }: Connection): void {
  const problems = warehouseDrivers[warehouse].options.problems(options, Object.keys(secrets))
  if (problems.length === 0) return
  const errors = problems.map(({ path, message, hint }) => ({
    path: dotted(path),
    code: 'option_invalid',
    message,
    hint,
  }))
  const all = errors.map(({ path, message }) => `${path} ${message}`).join('; ')
  throw invalid('options_invalid', `The source cannot be connected like this: ${all}.`, errors)
}

/** Really connects, reads a row of `table` when there is one, and tells step by step how it went. Throws what `checkOptions` throws, and a 429. */
export async function testConnection(
  context: ApiContext,
  projectId: string,
  connection: Connection,
  table?: TableRef,
): Promise<{ ok: boolean; checks: readonly CheckAnswer[] }> {
  checkOptions(connection)
  const verdict = await context.limiter.allow(`test:${projectId}`, testRate)
  if (!verdict.allowed)
    throw new ApiProblem(429, 'too_many_tests', 'Too many connections were tried.', 'Wait a minute.', {
      headers: { 'retry-after': String(Math.max(1, Math.ceil(verdict.retryAfterMs / 1000))) },
    })
  const checks = await useWarehouse(context, projectId, connection, (warehouse, signal) =>
    warehouse.testConnection(signal, table),
  )
  const grantee = await granteeOf(context, projectId)
  return { ok: checks.every(({ ok }) => ok), checks: withSetUp(checks, connection, grantee, table) }
}

/**
 * Throws a 422 with the failing checks unless the connection holds. Gives the options to store: those that were tried,
 * with what the checks found out and every later connection must find again (the key of the bastion).
 */
export async function requireConnection(
  context: ApiContext,
  projectId: string,
  connection: Connection,
): Promise<Connection['options']> {
  const { ok, checks } = await testConnection(context, projectId, connection)
  if (ok) return pinned(connection.options, checks)
  const errors: ProblemDetail[] = checks
    .filter((check) => !check.ok)
    .map(({ step, code, message, hint }) => ({
      path: step,
      code: code ?? 'failed',
      message: message ?? 'failed',
      ...(hint === undefined ? {} : { hint }),
    }))
  const [first] = errors
  throw invalid('connection_failed', `The connection does not work: ${first?.message ?? 'a check failed'}`, errors)
}

function pinned(options: Connection['options'], checks: readonly ConnectionCheck[]): Connection['options'] {
  const hostKey = checks.map(({ found }) => found?.sshHostKey).find((key) => key !== undefined)
  const { sshTunnel } = options
  if (hostKey === undefined || typeof sshTunnel !== 'object' || sshTunnel === null) return options
  return { ...options, sshTunnel: { ...sshTunnel, hostKey } }
}

/** `/sshTunnel/port` as `options.sshTunnel.port`; secrets stand beside the options. */
function dotted(pointer: string): string {
  const path = pointer.slice(1).replaceAll('/', '.')
  if (path.startsWith('secrets.')) return path
  return path === '' ? 'options' : `options.${path}`
}
