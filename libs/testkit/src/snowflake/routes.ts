import { literal } from './names.ts'
import type { QueryRuns, QueryState } from './query-runs.ts'
import { chunkBody, errorAnswer, type ResultLimits, resultAnswer } from './result-answer.ts'
import type { LoginData } from './sessions.ts'
import { notThere, SnowflakeError } from './snowflake-error.ts'
import type { World } from './world.ts'

export type Request = {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Readonly<Record<string, unknown>>
  readonly endpoint: string
}

export type Answer =
  | { readonly json: string }
  | { readonly bytes: Buffer }
  | { readonly status: number; readonly text: string }

export type Limits = ResultLimits & {
  /** A query that takes longer is answered by where its result will be. */
  waitMs: number
}

/** The endpoints that the driver speaks to. */
export class Routes {
  readonly limits: Limits = { inlineRows: 500, chunkRows: 10_000, waitMs: 45_000 }
  readonly #world: World
  readonly #runs: QueryRuns

  constructor(world: World, runs: QueryRuns) {
    this.#world = world
    this.#runs = runs
  }

  async answer(request: Request): Promise<Answer> {
    try {
      return await this.#routed(request)
    } catch (error) {
      if (error instanceof SnowflakeError) return { json: errorAnswer(error, null) }
      throw error
    }
  }

  async #routed(request: Request): Promise<Answer> {
    const { path, method, query } = request
    if (path === '/session/v1/login-request') return this.#login(request)
    if (path === '/session/token-request') return this.#renew(request)
    if (path === '/telemetry/send') return ok({})
    const chunk = /^\/chunks\/([^/]+)\/(\d+)\/(\d+)$/.exec(path)
    if (chunk !== null) return await this.#chunk(request, chunk)
    const session = this.#world.sessions.of(header(request, 'authorization'))
    if (path === '/session' && query.get('delete') === 'true') return await this.#end(request)
    if (path === '/session/heartbeat') return ok(null)
    if (path === '/queries/v1/query-request' && method === 'POST') return await this.#query(request)
    if (path === '/queries/v1/abort-request') {
      const requestId = String(request.body.requestId)
      return this.#abort([...this.#runs.queries.values()].find((each) => each.requestId === requestId))
    }
    const named = /^\/(queries|monitoring\/queries)\/([^/]+)(?:\/(result|abort-request))?$/.exec(path)
    const found = this.#runs.queries.get(named?.[2] ?? '')
    if (named === null) return { status: 404, text: 'Not found' }
    if (named[1] !== 'queries') return this.#status(found)
    if (found === undefined || found.user !== session.user) throw notThere('Query', named[2] ?? '')
    if (named[3] === 'abort-request') return this.#abort(found)
    return await this.#result(found, request.endpoint)
  }

  #login({ body, query }: Request): Answer {
    const { sessions, account } = this.#world
    const data = (body.data ?? {}) as LoginData
    const { session, token, master } = sessions.login(data, {
      role: query.get('roleName')?.toUpperCase() ?? null,
      warehouse: this.#usable('WAREHOUSE', query.get('warehouse')),
      database: this.#usable('DATABASE', query.get('databaseName')),
      schema: query.get('schemaName'),
    })
    this.#settle(session)
    return ok({
      masterToken: master,
      token,
      validityInSeconds: sessions.limits.sessionMs / 1000,
      masterValidityInSeconds: sessions.limits.masterMs / 1000,
      displayUserName: session.user,
      serverVersion: '9.0.0',
      firstLogin: false,
      sessionId: session.id,
      parameters: [
        { name: 'TIMEZONE', value: 'UTC' },
        { name: 'CLIENT_TELEMETRY_ENABLED', value: false },
        { name: 'QUERY_CONTEXT_CACHE_SIZE', value: 5 },
      ],
      sessionInfo: {
        databaseName: session.database,
        schemaName: session.schema,
        warehouseName: session.warehouse,
        roleName: session.role,
      },
      account,
    })
  }

  /** A name as the connect string has it: as it is written, or in capitals. */
  #usable(kind: 'WAREHOUSE' | 'DATABASE', name: string | null): string | null {
    const { catalog } = this.#world
    const known = kind === 'WAREHOUSE' ? catalog.warehouses : catalog.databases
    if (name === null) return null
    return known.has(name) ? name : known.has(name.toUpperCase()) ? name.toUpperCase() : null
  }

  /** What the role may not use is not chosen: the login itself does not fail by it. */
  #settle(session: ReturnType<World['sessions']['of']>): void {
    const { catalog } = this.#world
    const { role, warehouse, database, schema } = session
    if (warehouse !== null && !catalog.grants.sees(role, 'WAREHOUSE', warehouse)) session.warehouse = null
    if (database !== null && !catalog.grants.sees(role, 'DATABASE', database)) session.database = null
    const schemas = session.database === null ? undefined : catalog.databases.get(session.database)?.schemas
    if (schema === null || schemas === undefined) session.schema = null
    else session.schema = schemas.has(schema) ? schema : schemas.has(schema.toUpperCase()) ? schema.toUpperCase() : null
  }

  #renew(request: Request): Answer {
    const { sessions } = this.#world
    const { session, token, master } = sessions.renew(header(request, 'authorization'))
    return ok({
      sessionToken: token,
      validityInSecondsST: sessions.limits.sessionMs / 1000,
      masterToken: master,
      validityInSecondsMT: sessions.limits.masterMs / 1000,
      sessionId: session.id,
    })
  }

  async #end(request: Request): Promise<Answer> {
    const { sessions, transactions, engine } = this.#world
    const session = sessions.of(header(request, 'authorization'))
    sessions.end(session)
    const open = session.transaction
    session.transaction = null
    if (open !== null) await engine.inTurn(() => transactions.rollback(open))
    return ok(null)
  }

  async #query(request: Request): Promise<Answer> {
    const { body, query } = request
    const session = this.#world.sessions.of(header(request, 'authorization'))
    const parameters = (body.parameters ?? {}) as Readonly<Record<string, unknown>>
    const tag = String(parameters.QUERY_TAG ?? session.parameters.get('QUERY_TAG') ?? '')
    const binds = bindsOf(body.bindings)
    const run = this.#runs.start(session, query.get('requestId') ?? '', { sql: String(body.sqlText), binds }, tag)
    this.#limit(
      run,
      Number(
        parameters.STATEMENT_TIMEOUT_IN_SECONDS ?? session.parameters.get('STATEMENT_TIMEOUT_IN_SECONDS') ?? 172_800,
      ),
    )
    if (body.asyncExec === true) return inProgress(run, '333334')
    return await this.#result(run, request.endpoint)
  }

  /** Stops a statement that runs longer than it may. */
  #limit(run: QueryState, seconds: number): void {
    const message = `Statement reached its statement or warehouse timeout of ${seconds} second(s) and was canceled.`
    const stop = () => this.#runs.cancel(run, new SnowflakeError('000630', '57014', message))
    const timer = setTimeout(stop, Math.min(seconds * 1000, 2 ** 31 - 1))
    timer.unref()
    run.done.then(() => clearTimeout(timer))
  }

  async #result(run: QueryState, endpoint: string): Promise<Answer> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, this.limits.waitMs)
    await Promise.race([run.done, promise])
    clearTimeout(timer)
    if (run.status === 'RUNNING') return inProgress(run, '333333')
    return { json: await resultAnswer(this.#world, run, endpoint, this.limits) }
  }

  #abort(run: QueryState | undefined): Answer {
    if (this.#runs.cancel(run)) return ok(null)
    throw new SnowflakeError('000605', '57014', 'Identified SQL statement is not currently executing.')
  }

  #status(run: QueryState | undefined): Answer {
    const queries =
      run === undefined
        ? []
        : [
            {
              id: run.id,
              status: run.status,
              state: run.status,
              errorCode: run.error?.code ?? null,
              errorMessage: run.error?.message ?? null,
            },
          ]
    return ok({ queries })
  }

  async #chunk({ headers }: Request, [, id, from, count]: readonly string[]): Promise<Answer> {
    const bytes = await chunkBody(this.#world, this.#runs.queries.get(id ?? ''), [Number(from), Number(count)], headers)
    return bytes === null ? { status: 403, text: '<Error><Code>AccessDenied</Code></Error>' } : { bytes }
  }
}

function header({ headers }: Request, name: string): string | undefined {
  const value = headers[name]
  return Array.isArray(value) ? value[0] : value
}

function ok(data: unknown): Answer {
  return { json: JSON.stringify({ data, message: null, code: null, success: true }) }
}

function inProgress(run: QueryState, code: '333333' | '333334'): Answer {
  const data = {
    queryId: run.id,
    getResultUrl: `/queries/${run.id}/result`,
    queryAbortsAfterSecs: 300,
    progressDesc: null,
  }
  const message = 'Query execution in progress. Asynchronous execution mode.'
  return { json: JSON.stringify({ data, message, code, success: true }) }
}

/** Values of binds as SQL, in the order of their numbers. */
function bindsOf(bindings: unknown): readonly string[] {
  const binds: string[] = []
  for (const [index, bind] of Object.entries(
    (bindings ?? {}) as Record<string, { type: string; value: string | null }>,
  ))
    binds[Number(index) - 1] = bindSql(bind)
  return binds
}

function bindSql({ type, value }: { readonly type: string; readonly value: string | null }): string {
  if (value === null) return 'NULL'
  if (type === 'FIXED') return `CAST(${literal(value)} AS DECIMAL(38, 0))`
  if (type === 'REAL') return `CAST(${literal(value)} AS DOUBLE)`
  if (type === 'BOOLEAN') return `CAST(${literal(value)} AS BOOLEAN)`
  return literal(value)
}
