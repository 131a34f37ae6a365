import type { v1 } from '@google-cloud/bigquery-storage'
import { httpTargetGuard } from '@millrace/net/http-target-guard.ts'
import type { NetPolicy } from '@millrace/net/net-policy.ts'
import type { BigQueryClient } from './client.ts'
import { ApiRefusal } from './errors.ts'
import type { ServiceAccountKey } from './service-account-key.ts'

export type StorageParts = {
  readonly client: BigQueryClient
  readonly key: ServiceAccountKey
  readonly policy: NetPolicy
  /** Instead of Google's: an operator's own address of the API, `http://` without TLS. */
  readonly endpoint: string | null
}

/** The rows of a table at one moment, split into streams; read by whoever knows their names, for six hours. */
export type ReadSession = { readonly name: string; readonly streams: readonly string[]; readonly avroSchema: string }

export type Block = { readonly rows: number; readonly bytes: Buffer }

const googleEndpoint = 'https://bigquerystorage.googleapis.com'
/** With all attempts of the SDK. */
const sessionMs = 20_000
/** A stream that brings nothing for so long is asked again. */
const silenceMs = 90_000

/**
 * The Storage Read API (gRPC) through the official SDK. The host is fixed. It is another API than the rest of BigQuery, with a
 * permission of its own (`bigquery.readsessions.create`): a refusal is remembered for the life of the process.
 */
export class StorageClient {
  /** The service account may not open sessions, or the project has the API switched off. */
  isRefused = false
  readonly #parts: StorageParts
  #sdk: Promise<v1.BigQueryReadClient> | null = null
  readonly #endpoint: string
  readonly #guard: ReturnType<typeof httpTargetGuard>

  constructor(parts: StorageParts) {
    this.#parts = parts
    this.#endpoint = parts.endpoint ?? googleEndpoint
    this.#guard = httpTargetGuard({ policy: parts.policy })
  }

  /** Opens a session on a table. Throws `ApiRefusal` with the HTTP status that the refusal would have, or the signal's reason. */
  async openSession(
    { dataset, table, streamsMax }: { readonly dataset: string; readonly table: string; readonly streamsMax: number },
    signal: AbortSignal,
  ): Promise<ReadSession> {
    const parent = `projects/${this.#parts.client.projectId}`
    const readSession = { table: `${parent}/datasets/${dataset}/tables/${table}`, dataFormat: 'AVRO' as const }
    const request = { parent, readSession, maxStreamCount: streamsMax }
    const options = { ...(await this.#options(signal)), timeout: sessionMs }
    const sdk = await this.#open()
    signal.throwIfAborted()
    const { promise, reject } = Promise.withResolvers<never>()
    const onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      const [session] = await Promise.race([sdk.createReadSession(request, options), promise])
      const streams = (session.streams ?? []).map(({ name }) => name ?? '')
      return { name: session.name ?? '', streams, avroSchema: session.avroSchema?.schema ?? '' }
    } catch (error) {
      signal.throwIfAborted()
      throw storageRefusal(error)
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** The rows of a stream from `offset` on, in its order, which never changes. Throws as `openSession`. */
  async *blocks(stream: string, offset: number, signal: AbortSignal): AsyncGenerator<Block> {
    const options = { ...(await this.#options(signal)), retryRequestOptions: { retries: 0, noResponseRetries: 0 } }
    const sdk = await this.#open()
    signal.throwIfAborted()
    const call = sdk.readRows({ readStream: stream, offset }, options)
    const end = (reason: unknown) => {
      call.cancel()
      call.destroy(reason instanceof Error ? reason : new Error('the read was ended'))
    }
    const onAbort = () => end(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    const onSilence = () => end(new ApiRefusal(504, '', 'the stream is silent'))
    let silence = setTimeout(onSilence, silenceMs)
    try {
      for await (const { rowCount, avroRows } of call as AsyncIterable<Message>) {
        // Whoever takes the rows may wait for as long as it wants.
        clearTimeout(silence)
        const { buffer, byteOffset, byteLength } = avroRows?.serializedBinaryRows ?? Buffer.alloc(0)
        yield { rows: Number(rowCount), bytes: Buffer.from(buffer, byteOffset, byteLength) }
        silence = setTimeout(onSilence, silenceMs)
      }
    } catch (error) {
      signal.throwIfAborted()
      throw storageRefusal(error)
    } finally {
      clearTimeout(silence)
      signal.removeEventListener('abort', onAbort)
      call.cancel()
    }
  }

  async close(): Promise<void> {
    await (await this.#sdk)?.close()
    await this.#guard.agent.close()
  }

  /** The SDK takes 60 MB and a quarter of a second: who reads no streams does not load it. */
  #open(): Promise<v1.BigQueryReadClient> {
    this.#sdk ??= openSdk(this.#parts, new URL(this.#endpoint))
    return this.#sdk
  }

  async #options(signal: AbortSignal) {
    await this.#guard.check(this.#endpoint)
    return { otherArgs: { headers: { authorization: `Bearer ${await this.#parts.client.token(signal)}` } } }
  }
}

async function openSdk({ client, key }: StorageParts, { protocol, hostname, port }: URL) {
  const [{ v1 }, { credentials }] = await Promise.all([
    import('@google-cloud/bigquery-storage'),
    import('@grpc/grpc-js'),
  ])
  const isPlain = protocol === 'http:'
  return new v1.BigQueryReadClient({
    projectId: client.projectId,
    apiEndpoint: hostname,
    port: port === '' ? (isPlain ? 80 : 443) : Number(port),
    // Tokens come from the client of the REST API; with a key the SDK asks no metadata server who it is.
    credentials: { client_email: key.email, private_key: key.privateKey },
    sslCreds: isPlain ? credentials.createInsecure() : credentials.createSsl(),
    fallback: false,
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 20_000,
  })
}

type Message = {
  readonly rowCount: number | string | { toString(): string }
  readonly avroRows?: { readonly serializedBinaryRows: Buffer<ArrayBuffer> }
}

/** https://grpc.github.io/grpc/core/md_doc_statuscodes.html, as HTTP has them. */
const httpStatus: Readonly<Record<number, number>> = {
  3: 400,
  4: 504,
  5: 404,
  7: 403,
  8: 429,
  9: 412,
  12: 501,
  13: 500,
  14: 503,
  16: 401,
}

function storageRefusal(error: unknown): unknown {
  const { code, details } = (error ?? {}) as { code?: unknown; details?: unknown }
  const status = typeof code === 'number' ? httpStatus[code] : undefined
  return status === undefined ? error : new ApiRefusal(status, '', typeof details === 'string' ? details : '')
}
