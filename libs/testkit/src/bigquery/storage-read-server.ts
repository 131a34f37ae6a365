import { createRequire } from 'node:module'
import { type handleServerStreamingCall, type handleUnaryCall, Server, ServerCredentials, status } from '@grpc/grpc-js'
import { fromJSON } from '@grpc/proto-loader'
import { ApiError } from './api-error.ts'
import { avroRows, avroSchemaOf } from './avro-rows.ts'
import type { Grants, QueryJobs } from './query-jobs.ts'
import type { Field } from './rest-values.ts'
import type { Storage } from './storage.ts'

export type StorageReadParts = {
  readonly projectId: string
  readonly storage: Storage
  readonly jobs: QueryJobs
  readonly grants: Grants
  readonly accepts: (authorization: string | undefined) => boolean
  readonly now: () => number
  /** Rows that are worth a stream of their own. */
  readonly streamRows: number
}

/** A stand-in for `google.cloud.bigquery.storage.v1.BigQueryRead` on loopback, over the tables of BigQuery's stand-in. */
export type StorageReadServer = {
  readonly endpoint: string
  /** Names of the sessions that were made. */
  readonly sessions: string[]
  /** `stream offset` of every ReadRows. */
  readonly reads: string[]
  /** The next so many streams break after a message. */
  breaks: number
  /** Streams that are being sent. */
  open: number
  close(): Promise<void>
}

type Session = {
  readonly physical: string
  readonly fields: readonly Field[]
  readonly expiresAt: number
  /** First row and the one behind the last, by the name of the stream. */
  readonly streams: ReadonlyMap<string, readonly [start: number, end: number]>
}
type CreateRequest = {
  readonly parent: string
  readonly readSession: {
    readonly table: string
    readonly dataFormat: string
    readonly readOptions?: { readonly selectedFields?: readonly string[]; readonly rowRestriction?: string } | null
  }
  readonly maxStreamCount: number
}
type RowsRequest = { readonly readStream: string; readonly offset: number }

/** https://cloud.google.com/bigquery/docs/reference/storage/rpc/google.cloud.bigquery.storage.v1: sessions last six hours. */
const sessionMs = 6 * 3_600_000
const messageRows = 1000
const pageRows = 10_000

export async function startStorageReadServer(parts: StorageReadParts): Promise<StorageReadServer> {
  const { projectId, storage, jobs, grants, now, streamRows } = parts
  const known = new Map<string, Session>()
  const result = { sessions: [] as string[], reads: [] as string[], breaks: 0, open: 0 }

  const signedIn = (metadata: { get(key: string): readonly unknown[] }) => {
    if (!parts.accepts(String(metadata.get('authorization')[0])))
      throw new ApiError(401, 'authError', 'Request had invalid authentication credentials.')
  }

  function createSession({ parent, readSession, maxStreamCount }: CreateRequest) {
    if (parent !== `projects/${projectId}`) throw new ApiError(404, 'notFound', `Not found: ${parent}`)
    if (!grants.readSessions)
      throw new ApiError(403, 'accessDenied', "User does not have 'bigquery.readsessions.create' permission")
    const [, dataset = '', name = ''] =
      new RegExp(`^projects/${projectId}/datasets/(\\w+)/tables/(\\w+)$`).exec(readSession.table) ?? []
    jobs.mayRead(dataset)
    const { versions, fields: all } = storage.get(dataset, name)
    const version = versions.at(-1)
    if (version === undefined) throw new ApiError(400, 'invalid', 'Views cannot be read')
    const { selectedFields = [], rowRestriction = '' } = readSession.readOptions ?? {}
    if (readSession.dataFormat !== 'AVRO' || rowRestriction !== '')
      throw new ApiError(501, 'notImplemented', 'The stand-in gives all rows, as Avro')
    const fields = selectedFields.length === 0 ? all : all.filter((field) => selectedFields.includes(field.name))
    const schema = avroSchemaOf(fields)
    if (schema === null) throw new ApiError(501, 'notImplemented', 'The stand-in does not give these types')
    const id = `projects/${projectId}/locations/us/sessions/s${known.size}`
    const wanted = Math.min(maxStreamCount || 100, Math.ceil(version.rows / streamRows))
    const size = Math.ceil(version.rows / Math.max(1, wanted))
    const streams = new Map<string, readonly [number, number]>()
    for (let start = 0; start < version.rows; start += size)
      streams.set(`${id}/streams/r${streams.size}`, [start, Math.min(version.rows, start + size)])
    const expiresAt = now() + sessionMs
    known.set(id, { physical: version.physical, fields, expiresAt, streams })
    result.sessions.push(id)
    return {
      name: id,
      expireTime: { seconds: Math.floor(expiresAt / 1000), nanos: 0 },
      dataFormat: 'AVRO',
      avroSchema: { schema },
      table: readSession.table,
      streams: [...streams.keys()].map((stream) => ({ name: stream })),
      estimatedRowCount: version.rows,
    }
  }

  function find(stream: string): { readonly session: Session; readonly range: readonly [number, number] } {
    const session = known.get(stream.replace(/\/streams\/\w+$/, ''))
    const range = session?.streams.get(stream)
    if (session === undefined || range === undefined) throw new ApiError(404, 'notFound', `Not found: ${stream}`)
    if (session.expiresAt <= now())
      throw new ApiError(412, 'failedPrecondition', `there was an error operating on '${stream}': session expired`)
    return { session, range }
  }

  const createReadSession: handleUnaryCall<CreateRequest, object> = ({ request, metadata }, answer) => {
    try {
      signedIn(metadata)
      answer(null, createSession(request))
    } catch (error) {
      answer(grpcError(error))
    }
  }

  const readRows: handleServerStreamingCall<RowsRequest, object> = async (call) => {
    result.open++
    try {
      signedIn(call.metadata)
      const { readStream, offset } = call.request
      const { session, range } = find(readStream)
      result.reads.push(`${readStream} ${offset}`)
      const columns = session.fields.map(({ name }) => `"${name}"`).join(', ')
      for (let at = range[0] + offset; at < range[1] && !call.cancelled; at += pageRows) {
        const limit = Math.min(pageRows, range[1] - at)
        const sql = `SELECT ${columns} FROM ${session.physical} LIMIT ${limit} OFFSET ${at}`
        const rows = (await storage.read(sql)).getRowsJS()
        for (let i = 0; i < rows.length && !call.cancelled; i += messageRows) {
          const some = rows.slice(i, i + messageRows)
          const message = { rowCount: some.length, avroRows: { serializedBinaryRows: avroRows(some, session.fields) } }
          if (!call.write(message)) await drained(call)
          if (result.breaks > 0) {
            result.breaks--
            throw new ApiError(503, 'backendError', 'the stream broke')
          }
        }
      }
      call.end()
    } catch (error) {
      call.emit('error', grpcError(error))
    } finally {
      result.open--
    }
  }

  const protos = createRequire(import.meta.url)('@google-cloud/bigquery-storage/build/protos/protos.json')
  const services = fromJSON(protos, { longs: Number, enums: String, defaults: true })
  const service = services['google.cloud.bigquery.storage.v1.BigQueryRead'] as Parameters<Server['addService']>[0]
  const server = new Server({ 'grpc.max_send_message_length': -1 })
  server.addService(service, { CreateReadSession: createReadSession, ReadRows: readRows })
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    )
  })
  return Object.assign(result, {
    endpoint: `http://127.0.0.1:${port}`,
    close: async () => server.forceShutdown(),
  })
}

/** Until more may be written, or nobody reads any more. */
function drained(call: { once(event: string, listener: () => void): unknown }): Promise<void> {
  return new Promise((resolve) => {
    call.once('drain', resolve)
    call.once('cancelled', resolve)
  })
}

const grpcCodes: Readonly<Record<number, number>> = {
  400: status.INVALID_ARGUMENT,
  401: status.UNAUTHENTICATED,
  403: status.PERMISSION_DENIED,
  404: status.NOT_FOUND,
  412: status.FAILED_PRECONDITION,
  501: status.UNIMPLEMENTED,
  503: status.UNAVAILABLE,
}

function grpcError(error: unknown): Error & { code: number; details: string } {
  const { status: code, message } = error instanceof ApiError ? error : { status: 500, message: String(error) }
  return Object.assign(new Error(message), { code: grpcCodes[code] ?? status.INTERNAL, details: message })
}
