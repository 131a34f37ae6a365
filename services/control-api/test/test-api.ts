import { randomBytes } from 'node:crypto'
import { Writable } from 'node:stream'
import type { ApiContext } from '@millrace/control-api/api-context.ts'
import { buildApi } from '@millrace/control-api/build-api.ts'
import type { Api } from '@millrace/control-api/http/server.ts'
import { newId } from '@millrace/control-api/new-id.ts'
import { hashAccountSecret } from '@millrace/secrets/account-secret.ts'
import { AccountVerifier } from '@millrace/secrets/account-verifier.ts'
import { newKekLine, parseKek } from '@millrace/secrets/load-kek.ts'
import { createAccount } from '@millrace/store/accounts/create-account.ts'
import type { Database } from '@millrace/store/open-store.ts'
import type { Role } from '@millrace/store/schema.ts'
import { createLogger } from '@millrace/telemetry/logger.ts'
import { rightPassword, SampleWarehouses } from './sample-warehouse.ts'

/** Cheap on purpose: what is tested is who gets in, not how long it takes. */
const cost = { logN: 8, r: 8, p: 1 }

export const canaries = { password: rightPassword, token: 'canary-token', secret: 'canary-secret' }

export type Answer<T = Record<string, unknown>> = {
  readonly status: number
  readonly body: T
  readonly text: string
  readonly headers: Readonly<Record<string, unknown>>
}

export type Caller = <T = Record<string, unknown>>(
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  url: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<Answer<T>>

export type TestApi = {
  readonly api: Api
  readonly warehouses: SampleWarehouses
  /** Every answer and log line so far: for canaries. */
  readonly seen: string[]
  readonly owner: Caller
  /** A new account. */
  as(role: Role, projectId?: string | null): Promise<Caller>
  withAuthorization(authorization?: string): Caller
  close(): Promise<void>
}

/** The API on a control store, with a warehouse of one table. `change` replaces parts of what it works with. */
export async function startTestApi(db: Database, change: Partial<ApiContext> = {}): Promise<TestApi> {
  const seen: string[] = []
  const warehouses = new SampleWarehouses()
  const destination = new Writable({
    write(line, _encoding, done) {
      seen.push(String(line))
      done()
    },
  })
  const stopping = new AbortController()
  const ids = () => newId(Date.now(), randomBytes)
  const api = await buildApi({
    db,
    kek: parseKek(newKekLine('test')),
    verifier: new AccountVerifier({ now: Date.now, cost }),
    openWarehouse: warehouses.open,
    checkDestinationUrl: async () => undefined,
    limiter: { allow: async () => ({ allowed: true, retryAfterMs: 0 }) },
    allowedCidrs: ['127.0.0.0/8'],
    warehouseMs: 20_000,
    publicUrl: () => 'http://api.test',
    now: Date.now,
    newId: ids,
    stopping: stopping.signal,
    log: createLogger({ service: 'control-api', instance: 'test', level: 'trace', destination }),
    ...change,
  })

  const withAuthorization =
    (authorization?: string): Caller =>
    async <T>(method: Parameters<Caller>[0], url: string, body?: unknown, headers = {}) => {
      const response = await api.inject({
        method,
        url,
        headers: { ...(authorization === undefined ? {} : { authorization }), ...headers },
        ...(body === undefined ? {} : { payload: body as object }),
      })
      seen.push(response.body, JSON.stringify(response.headers))
      const isJson = String(response.headers['content-type']).includes('json')
      return {
        status: response.statusCode,
        body: (isJson ? response.json() : undefined) as T,
        text: response.body,
        headers: response.headers,
      }
    }

  const as = async (role: Role, projectId: string | null = null): Promise<Caller> => {
    const id = ids()
    const secret = `secret-of-${id}`
    const secretHash = await hashAccountSecret(secret, cost)
    await createAccount(db, { id, username: `${role}-${id}`, secretHash, projectId, role })
    return withAuthorization(basic(`${role}-${id}`, secret))
  }

  return {
    api,
    warehouses,
    seen,
    owner: await as('owner'),
    as,
    withAuthorization,
    async close() {
      stopping.abort()
      await api.close()
    },
  }
}

export function basic(username: string, secret: string): string {
  return `Basic ${Buffer.from(`${username}:${secret}`).toString('base64')}`
}
