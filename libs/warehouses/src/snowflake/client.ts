import type { Readable } from 'node:stream'
import { connectTcp } from '@millrace/net/connect-tcp.ts'
import { httpTargetGuard } from '@millrace/net/http-target-guard.ts'
import type { NetPolicy } from '@millrace/net/net-policy.ts'
import { WarehouseError } from '../warehouse-error.ts'
import { accountHost, accountName } from './account-host.ts'
import { isKeyRefused, isSessionEnded, snowflakeError } from './errors.ts'
import { type GuardedAgents, guardedAgents } from './guarded-agents.ts'
import { readLoginKey } from './key-pair.ts'
import { loadSdk, type SdkConnection, type SdkStatement } from './load-sdk.ts'
import type { SnowflakeOptions } from './options.ts'

export type ClientParts = {
  readonly options: Required<SnowflakeOptions>
  readonly secrets: Readonly<Record<string, string>>
  readonly policy: NetPolicy
  /** Instead of Snowflake's: an operator's own address. */
  readonly endpoint: string | null
  readonly applicationName: string
}

/** Every value of an answer as Snowflake wrote it. */
export type Value = string | null
export type Rows = readonly (readonly Value[])[]
export type NamedRow = Readonly<Record<string, Value>>

const asText = ['String', 'Boolean', 'Number', 'Date', 'JSON', 'Buffer'] as const
/** All other values are asked for as text, which needs no conversion. */
const numbersAsText = ['Number'] as const
/** The parts that a result is fetched in, MB: what the SDK holds in memory is a few of them. */
const partMegabytes = 16
/** Rows that the SDK holds ready; they are in memory already. */
const readyRows = 256
/** The product's own bound of a statement. */
const statementSeconds = 20 * 3600
const loginMs = 90_000

/** One session of Snowflake through the official SDK, made when it is first needed and again when it was lost. */
export class SnowflakeClient {
  readonly options: Required<SnowflakeOptions>
  readonly #parts: ClientParts
  #agents: GuardedAgents | null = null
  #session: Promise<SdkConnection> | null = null

  constructor(parts: ClientParts) {
    this.#parts = parts
    this.options = parts.options
  }

  /** Logs in unless that was done. Throws `WarehouseError` or `NetError`. */
  async connect(signal: AbortSignal): Promise<void> {
    await this.#connected(signal)
  }

  /** The rows of a statement's answer; for small ones. `tag` names the run. Throws `WarehouseError`. */
  async ask(sql: string, signal: AbortSignal, tag = ''): Promise<Rows> {
    return (await this.#run(sql, { rowMode: 'array', tag }, signal)) as Rows
  }

  /** As `ask`, with columns by name: what SHOW answers. */
  async show(sql: string, signal: AbortSignal): Promise<readonly NamedRow[]> {
    return (await this.#run(sql, { rowMode: 'object', tag: '' }, signal)) as readonly NamedRow[]
  }

  /** The rows of an answer as they come, arrays of `Value`. End it by destroying the stream. Throws `WarehouseError`. */
  async stream(sql: string, signal: AbortSignal, tag: string): Promise<Readable> {
    const statement = await this.#execute(sql, { rowMode: 'array', fetchAsString: numbersAsText, tag }, signal)
    return statement.streamRows()
  }

  /** What the guard refused, as the error to tell instead of the SDK's. */
  failure(error: unknown): Error {
    return this.#agents?.refusal() ?? snowflakeError(error, this.options)
  }

  async close(): Promise<void> {
    const session = await this.#session?.catch(() => null)
    this.#session = null
    if (session) await ended(session)
    this.#agents?.close()
  }

  async #run(
    sql: string,
    { rowMode, tag }: { readonly rowMode: 'array' | 'object'; readonly tag: string },
    signal: AbortSignal,
  ): Promise<readonly unknown[]> {
    const statement = await this.#execute(sql, { rowMode, fetchAsString: asText, tag }, signal)
    const rows: unknown[] = []
    try {
      for await (const row of statement.streamRows()) rows.push(row)
    } catch (error) {
      signal.throwIfAborted()
      throw this.failure(error)
    }
    return rows
  }

  /** Runs a statement to its end; asks Snowflake to stop it when the signal says so. */
  async #execute(
    sqlText: string,
    {
      tag,
      ...form
    }: { readonly rowMode: 'array' | 'object'; readonly fetchAsString: readonly string[]; readonly tag: string },
    signal: AbortSignal,
    isAgain = false,
  ): Promise<SdkStatement> {
    const session = await this.#connected(signal)
    const { promise, resolve, reject } = Promise.withResolvers<SdkStatement>()
    const statement = session.execute({
      ...form,
      sqlText,
      streamResult: true,
      parameters: {
        ...(tag === '' ? {} : { QUERY_TAG: tag }),
        CLIENT_RESULT_CHUNK_SIZE: partMegabytes,
        STATEMENT_TIMEOUT_IN_SECONDS: statementSeconds,
      },
      complete: (error, done) => (error ? reject(error) : resolve(done)),
    })
    const stop = () => {
      statement.cancel(() => undefined)
      reject(signal.reason)
    }
    signal.addEventListener('abort', stop, { once: true })
    try {
      return await promise
    } catch (error) {
      signal.throwIfAborted()
      if (!session.isUp()) this.#forget(session)
      // What an ended session was asked was not done; a new one is.
      if (isAgain || !isSessionEnded(error)) throw this.failure(error)
    } finally {
      signal.removeEventListener('abort', stop)
    }
    return await this.#execute(sqlText, { tag, ...form }, signal, true)
  }

  async #connected(signal: AbortSignal): Promise<SdkConnection> {
    signal.throwIfAborted()
    // Several may wait for one login, so none of their signals ends it.
    this.#session ??= this.#logIn(AbortSignal.timeout(loginMs))
    const session = this.#session
    try {
      return await unlessAborted(session, signal)
    } catch (error) {
      if (this.#session === session && !signal.aborted) this.#session = null
      throw error
    }
  }

  #forget(session: SdkConnection): void {
    this.#session = null
    session.destroy(() => undefined)
  }

  async #logIn(signal: AbortSignal): Promise<SdkConnection> {
    const { options, secrets, policy, endpoint, applicationName } = this.#parts
    const accessUrl = endpoint ?? `https://${accountHost(options.accountIdentifier)}`
    await reach(accessUrl, policy, signal)
    const sdk = await loadSdk()
    // An operator's own endpoint has no certificate that an authority could revoke.
    this.#agents ??= guardedAgents(policy, endpoint === null ? sdk.secureSocket : null)
    const agents = this.#agents
    const common = {
      account: accountName(options.accountIdentifier),
      accessUrl: accessUrl.replace(/\/$/, ''),
      username: options.user,
      role: options.role,
      warehouse: options.warehouse,
      database: options.database,
      schema: options.connectorSchema,
      application: applicationName,
      agentClass: agents.agentFor,
      clientStoreTemporaryCredential: false,
      clientRequestMFAToken: false,
      representNullAsStringNull: false,
      validateDefaultParameters: false,
      rowStreamHighWaterMark: readyRows,
    }
    let last: unknown
    for (const login of loginsOf(options, secrets)) {
      try {
        return await loggedIn(sdk.createConnection({ ...common, ...login }), signal)
      } catch (error) {
        signal.throwIfAborted()
        last = error
        // While keys are rotated one of the two may not be known to Snowflake yet, or not any more.
        if (!isKeyRefused(error)) break
      }
    }
    throw this.failure(last)
  }
}

/** Found out at once: the SDK itself would try for minutes. */
async function reach(accessUrl: string, policy: NetPolicy, signal: AbortSignal): Promise<void> {
  const guard = httpTargetGuard({ policy })
  try {
    await guard.check(accessUrl)
    const { hostname, protocol, port } = new URL(accessUrl)
    const socket = await connectTcp(hostname, Number(port || (protocol === 'https:' ? 443 : 80)), policy, signal)
    socket.destroy()
  } finally {
    await guard.agent.close()
  }
}

function loginsOf(
  { authentication }: SnowflakeOptions,
  { password, privateKey, nextPrivateKey }: Readonly<Record<string, string>>,
): readonly Readonly<Record<string, string>>[] {
  if (authentication === 'password') return [{ authenticator: 'SNOWFLAKE', password: password ?? '' }]
  return [privateKey, nextPrivateKey].flatMap((key) =>
    key === undefined ? [] : [{ authenticator: 'SNOWFLAKE_JWT', privateKey: readLoginKey(key).pem }],
  )
}

async function loggedIn(connection: SdkConnection, signal: AbortSignal): Promise<SdkConnection> {
  const { promise, resolve, reject } = Promise.withResolvers<SdkConnection>()
  connection.connect((error) => (error ? reject(error) : resolve(connection)))
  return await unlessAborted(promise, signal)
}

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const stop = () => reject(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

async function ended(session: SdkConnection): Promise<void> {
  await new Promise<void>((resolve) => session.destroy(() => resolve()))
}

export function notUnderstood(what: string): WarehouseError {
  return new WarehouseError(
    'protocol_error',
    `Snowflake answered with ${what}.`,
    'If it happens again, report it with the log of the extractor.',
  )
}
