import { PassThrough } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { BigQuery } from '@google-cloud/bigquery'
import { httpTargetGuard } from '@millrace/net/http-target-guard.ts'
import type { NetPolicy } from '@millrace/net/net-policy.ts'
import { JWT } from 'google-auth-library'
import { WarehouseError } from '../warehouse-error.ts'
import { ApiRefusal, bigQueryError } from './errors.ts'
import type { BigQueryOptions } from './options.ts'
import type { ServiceAccountKey } from './service-account-key.ts'

export type ClientParts = {
  readonly options: BigQueryOptions
  readonly key: ServiceAccountKey
  readonly policy: NetPolicy
  /** Instead of Google's: an operator's own address of the API, at whose `/token` tokens are given out. */
  readonly endpoint: string | null
  readonly applicationName: string
}

export type Call = {
  readonly method?: 'GET' | 'POST' | 'DELETE'
  /** Below the project: `/datasets/d/tables/t`. Its parts must be checked names or encoded. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | boolean>>
  readonly body?: unknown
}

const googleEndpoint = 'https://bigquery.googleapis.com'
const scopes = ['https://www.googleapis.com/auth/bigquery']
/** Beyond the time that a request may wait in the service by itself. */
const requestMs = 90_000
const pageBytesMax = 64 * 1024 * 1024

/**
 * BigQuery's REST API through the official SDK, which signs in, encodes and retries. Hosts are fixed: no option of a
 * source leads anywhere else. The SDK takes no connector, so the guard checks the host before the first request.
 */
export class BigQueryClient {
  readonly projectId: string
  readonly location: string | undefined
  readonly #sdk: BigQuery
  readonly #auth: JWT
  readonly #endpoint: string
  readonly #guard: ReturnType<typeof httpTargetGuard>
  #checked: Promise<void> | null = null

  constructor({ options, key, policy, endpoint, applicationName }: ClientParts) {
    this.projectId = options.projectId
    this.location = options.location
    this.#endpoint = endpoint ?? googleEndpoint
    this.#auth = new JWT({ email: key.email, key: key.privateKey, keyId: key.keyId, scopes })
    if (endpoint !== null) redirectTokens(this.#auth, `${endpoint}/token`)
    this.#sdk = new BigQuery({
      projectId: options.projectId,
      location: options.location,
      apiEndpoint: this.#endpoint,
      authClient: this.#auth,
      userAgent: applicationName,
      maxRetries: 3,
    })
    this.#guard = httpTargetGuard({ policy })
  }

  /** Gets a token: the key is good when this returns. */
  async logIn(signal: AbortSignal): Promise<void> {
    await this.#check()
    await this.#answer(signal, async () => {
      await this.#auth.authorize()
    })
  }

  /** For APIs beside this one. Throws `WarehouseError`, or the signal's reason. */
  async token(signal: AbortSignal): Promise<string> {
    await this.#check()
    try {
      return (await this.#answer(signal, () => this.#auth.getAccessToken())).token ?? ''
    } catch (error) {
      signal.throwIfAborted()
      throw bigQueryError(error)
    }
  }

  /** One request; its answer as JSON. Throws `WarehouseError`, or the signal's reason. */
  async call<T>(call: Call, signal: AbortSignal): Promise<T> {
    await this.#check()
    try {
      return await this.#answer(signal, () => this.#send<T>(call))
    } catch (error) {
      signal.throwIfAborted()
      throw bigQueryError(error)
    }
  }

  /** Like `call`, but an answer that is an error is given, not thrown in our words: for those who tell cases apart. */
  async attempt<T>(call: Call, signal: AbortSignal): Promise<T> {
    await this.#check()
    return await this.#answer(signal, () => this.#send<T>(call))
  }

  /**
   * The bytes of an answer, for pages of rows: the SDK's own way of parsing copies every value of an answer deeply,
   * which costs more than all the rest. Throws `ApiRefusal`, or the signal's reason.
   */
  async bytes({ path, query }: Call, signal: AbortSignal): Promise<Buffer> {
    await this.#check()
    return await this.#answer(signal, (abandoned) => {
      const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
      const stream = this.#sdk.requestStream({
        uri: path,
        qs: { ...query },
        headers: { 'accept-encoding': 'gzip' },
      }) as unknown as NodeJS.ReadableStream & { destroy(): void }
      abandoned.addEventListener('abort', () => stream.destroy(), { once: true })
      stream.on('error', reject)
      stream.on('response', (response: { statusCode: number; headers: Readonly<Record<string, string>> }) => {
        const zipped = response.headers['content-encoding'] === 'gzip'
        // A stream of Node's own: the SDK's is a duplex that is never told to finish writing.
        const content = stream.pipe(zipped ? createGunzip() : new PassThrough())
        collect(content).then((body) => {
          if (response.statusCode >= 200 && response.statusCode < 300) resolve(body)
          else reject(refusal(response.statusCode, body))
        }, reject)
      })
      return promise
    })
  }

  async close(): Promise<void> {
    await this.#guard.agent.close()
  }

  #check(): Promise<void> {
    this.#checked ??= this.#guard.check(this.#endpoint).catch((error) => {
      this.#checked = null
      throw error
    })
    return this.#checked
  }

  #send<T>({ method = 'GET', path, query, body }: Call): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    this.#sdk.request(
      { method, uri: path, ...(query ? { qs: { ...query } } : {}), ...(body === undefined ? {} : { json: body }) },
      (error: unknown, answer: T) => {
        if (error) reject(error)
        else resolve(answer)
      },
    )
    return promise
  }

  /** What the work gives, unless the signal or the time is up before. */
  async #answer<T>(signal: AbortSignal, work: (abandoned: AbortSignal) => Promise<T>): Promise<T> {
    signal.throwIfAborted()
    // No AbortSignal.timeout or any: they, and the page that listeners to them know, would live on until the time is up.
    const abandon = new AbortController()
    const { promise, reject } = Promise.withResolvers<never>()
    const end = (reason: unknown) => {
      reject(reason)
      abandon.abort(reason)
    }
    const onAbort = () => end(signal.reason)
    const timer = setTimeout(() => end(tooLate()), requestMs)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      return await Promise.race([work(abandon.signal), promise])
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    }
  }
}

/** Signed assertions name Google as their audience wherever they are sent. */
function redirectTokens(auth: JWT, url: string): void {
  auth.transporter.interceptors.request.add({
    resolved: async (request) => {
      request.url = new URL(url)
      return request
    },
  })
}

async function collect(stream: NodeJS.ReadableStream): Promise<Buffer> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of stream as AsyncIterable<Buffer>) {
    bytes += part.length
    if (bytes > pageBytesMax) throw new ApiRefusal(400, 'responseTooLarge', 'the page is too large')
    parts.push(part)
  }
  return Buffer.concat(parts)
}

function refusal(status: number, body: Buffer): ApiRefusal {
  try {
    const { error } = JSON.parse(body.toString('utf8')) as {
      error: { message?: string; errors?: readonly { reason?: string }[] }
    }
    return new ApiRefusal(status, error.errors?.[0]?.reason ?? '', error.message ?? '')
  } catch {
    return new ApiRefusal(status, '', '')
  }
}

function tooLate(): WarehouseError {
  return new WarehouseError('connection_lost', 'BigQuery did not answer in time.', 'It is tried again.')
}
