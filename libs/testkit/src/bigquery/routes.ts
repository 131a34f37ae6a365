import { ApiError, accessDenied, invalid, notFound } from './api-error.ts'
import type { Grants, Job, JobRequest, QueryJobs } from './query-jobs.ts'
import { type Field, restText, restValue } from './rest-values.ts'
import type { Storage } from './storage.ts'
import type { StoredTable } from './stored-table.ts'

export type Place = {
  readonly projectId: string
  readonly storage: Storage
  readonly jobs: QueryJobs
  readonly grants: Grants
  readonly pageBytesMax: number
  /** Tokens of an earlier generation have expired. */
  pageGeneration: number
  tokensExpireAtOnce: boolean
}

export type Request = {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly body: Readonly<Record<string, unknown>>
}

type Handler = (place: Place, request: Request, parts: readonly string[]) => unknown

/** https://cloud.google.com/bigquery/docs/reference/rest/v2, as far as the connector and the SDK's queries need it. */
const routes: readonly (readonly [method: string, path: RegExp, handler: Handler])[] = [
  ['GET', /^\/datasets$/, listDatasets],
  ['GET', /^\/datasets\/(\w+)$/, getDataset],
  ['GET', /^\/datasets\/(\w+)\/tables$/, listTables],
  ['POST', /^\/datasets\/(\w+)\/tables$/, insertTable],
  ['GET', /^\/datasets\/(\w+)\/tables\/([^/]+)$/, getTable],
  ['DELETE', /^\/datasets\/(\w+)\/tables\/([^/]+)$/, deleteTable],
  ['GET', /^\/datasets\/(\w+)\/tables\/([^/]+)\/data$/, listRows],
  ['POST', /^\/jobs$/, insertJob],
  ['GET', /^\/jobs\/([\w-]+)$/, (place, _, [id = '']) => jobAnswer(place, place.jobs.get(id))],
  ['POST', /^\/jobs\/([\w-]+)\/cancel$/, (place, _, [id = '']) => ({ job: jobAnswer(place, place.jobs.cancel(id)) })],
  ['GET', /^\/queries\/([\w-]+)$/, (place, request, [id = '']) => results(place, place.jobs.get(id), request.query)],
  ['POST', /^\/queries$/, query],
]

/** The answer to a request. Throws `ApiError`. */
export async function answerOf(place: Place, request: Request): Promise<unknown> {
  for (const [method, path, handler] of routes) {
    const match = method === request.method ? path.exec(request.path) : null
    if (match !== null) return await handler(place, request, match.slice(1))
  }
  throw new ApiError(404, 'notFound', `Not found: ${request.method} ${request.path}`)
}

function listDatasets(place: Place, { query: parameters }: Request) {
  const { storage, grants, projectId } = place
  const names = [...storage.datasets.keys()].filter((name) => grants.viewer.has(name) || grants.owner.has(name))
  const { items, nextPageToken } = paged(place, names, parameters)
  const datasets = items.map((datasetId) => ({ kind: 'bigquery#dataset', datasetReference: { projectId, datasetId } }))
  return { kind: 'bigquery#datasetList', datasets, ...nextPageToken }
}

function getDataset(place: Place, _request: Request, [name = '']: readonly string[]) {
  const dataset = place.storage.datasets.get(name)
  if (dataset === undefined) throw notFound(`Dataset ${place.projectId}:${name}`)
  if (!place.grants.viewer.has(name) && !place.grants.owner.has(name))
    throw accessDenied(`Dataset ${name}: Permission bigquery.datasets.get denied on dataset ${name}`)
  return { datasetReference: { projectId: place.projectId, datasetId: name }, location: dataset.location }
}

function listTables(place: Place, request: Request, [dataset = '']: readonly string[]) {
  getDataset(place, request, [dataset])
  const found = [...place.storage.tables.values()].filter(
    (table) => table.dataset === dataset && place.storage.find(dataset, table.name) !== null,
  )
  const { items, nextPageToken } = paged(place, found, request.query)
  const tables = items.map((table) => ({ ...reference(place, table), type: typeOf(table) }))
  return { kind: 'bigquery#tableList', tables, ...nextPageToken, totalItems: found.length }
}

async function insertTable(place: Place, { body }: Request, [dataset = '']: readonly string[]) {
  place.jobs.mayWrite(dataset)
  const { tableReference, schema } = body as {
    tableReference: { tableId: string }
    schema: { fields: readonly Field[] }
  }
  const { tableId } = tableReference
  if (place.storage.find(dataset, tableId)) throw new ApiError(409, 'duplicate', `Already Exists: Table ${tableId}`)
  await place.storage.createTable(dataset, tableId, schema.fields, {})
  return reference(place, { dataset, name: tableId })
}

function getTable(place: Place, request: Request, [dataset = '', name = '']: readonly string[]) {
  getDataset(place, request, [dataset])
  const table = place.storage.get(dataset, name)
  const version = table.versions.at(-1)
  const { timePartitioning, requirePartitionFilter, primaryKey } = table.options
  return {
    ...reference(place, table),
    type: typeOf(table),
    location: place.storage.datasets.get(dataset)?.location,
    schema: { fields: table.fields },
    ...(version ? { numRows: String(version.rows), numBytes: String(version.bytes) } : {}),
    ...(timePartitioning ? { timePartitioning } : {}),
    ...(requirePartitionFilter ? { requirePartitionFilter } : {}),
    ...(primaryKey ? { tableConstraints: { primaryKey: { columns: primaryKey } } } : {}),
    creationTime: String(table.createdAt),
    ...(table.expiresAt === null ? {} : { expirationTime: String(table.expiresAt) }),
  }
}

function deleteTable(place: Place, _request: Request, [dataset = '', name = '']: readonly string[]) {
  place.jobs.mayWrite(dataset)
  place.storage.get(dataset, name)
  place.storage.drop(dataset, name)
  return {}
}

async function listRows(place: Place, { query: parameters }: Request, [dataset = '', name = '']: readonly string[]) {
  place.jobs.mayRead(dataset)
  const { fields, versions } = place.storage.get(dataset, name)
  const version = versions.at(-1)
  if (version === undefined) throw invalid(`Cannot list a table of type VIEW.`)
  const { rows, nextPageToken: pageToken } = await page(place, version.physical, fields, version.rows, parameters)
  return { kind: 'bigquery#tableDataList', totalRows: String(version.rows), rows, ...(pageToken ? { pageToken } : {}) }
}

async function insertJob(place: Place, { body }: Request) {
  const { jobReference, configuration } = body as {
    jobReference?: { jobId?: string; location?: string }
    configuration: {
      dryRun?: boolean
      labels?: Record<string, string>
      query: { query: string; maximumBytesBilled?: string }
    }
  }
  const { labels = {}, dryRun } = configuration
  const { query: sql, maximumBytesBilled: max } = configuration.query
  if (dryRun) {
    const bytes = await place.jobs.check(sql)
    const { projectId } = place
    const reference = { projectId, location: jobReference?.location ?? 'US' }
    return {
      jobReference: reference,
      status: { state: 'DONE' },
      configuration,
      statistics: { totalBytesProcessed: String(bytes) },
    }
  }
  const request: JobRequest = {
    id: jobReference?.jobId,
    location: jobReference?.location,
    query: sql,
    labels,
    maximumBytesBilled: max === undefined ? null : Number(max),
  }
  return jobAnswer(place, place.jobs.insert(request))
}

async function query(place: Place, { body }: Request) {
  const {
    query: sql,
    location,
    maximumBytesBilled: max,
    ...more
  } = body as {
    query: string
    location?: string
    maximumBytesBilled?: string
  }
  const maximumBytesBilled = max === undefined ? null : Number(max)
  const job = place.jobs.insert({ id: undefined, location, query: sql, labels: {}, maximumBytesBilled })
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(more)) {
    if (typeof value !== 'object') parameters.set(name, String(value))
  }
  const format = (body.formatOptions as { useInt64Timestamp?: boolean } | undefined)?.useInt64Timestamp
  if (format) parameters.set('formatOptions.useInt64Timestamp', 'true')
  return results(place, job, parameters)
}

async function results(place: Place, job: Job, parameters: URLSearchParams) {
  const patience = Math.min(Number(parameters.get('timeoutMs') ?? 10_000), 10_000)
  const late = Promise.withResolvers<void>()
  const timer = setTimeout(late.resolve, patience)
  await Promise.race([job.done, late.promise])
  clearTimeout(timer)
  const jobReference = { projectId: place.projectId, jobId: job.id, location: job.request.location ?? 'US' }
  if (job.state !== 'DONE') return { kind: 'bigquery#queryResponse', jobReference, jobComplete: false }
  if (job.error !== null) throw job.error
  if (job.result === null) return { jobReference, jobComplete: true, totalRows: '0', schema: { fields: [] } }
  const { physical, fields, rows: total } = job.result
  const { rows, nextPageToken: pageToken } = await page(place, physical, fields, total, parameters)
  const more = pageToken ? { pageToken } : {}
  return { jobReference, jobComplete: true, totalRows: String(total), schema: { fields }, rows, ...more }
}

function jobAnswer({ projectId }: Pick<Place, 'projectId'>, { id, request, state, error, createdAt, bytes }: Job) {
  const { labels, query: sql, location = 'US' } = request
  return {
    kind: 'bigquery#job',
    id: `${projectId}:${location}.${id}`,
    jobReference: { projectId, jobId: id, location },
    configuration: { jobType: 'QUERY', labels, query: { query: sql, useLegacySql: false } },
    statistics: { creationTime: String(createdAt), totalBytesProcessed: String(bytes) },
    status: { state, ...(error ? { errorResult: error.proto(), errors: [error.proto()] } : {}) },
  }
}

/** Rows from `startIndex` or a page token, at most `maxResults`, and at most about 10 MB of them. */
async function page(
  place: Place,
  physical: string,
  fields: readonly Field[],
  total: number,
  parameters: URLSearchParams,
) {
  const start = startOf(place, parameters)
  const limit = Math.min(Number(parameters.get('maxResults') ?? 100_000), 100_000)
  const int64 = parameters.get('formatOptions.useInt64Timestamp') === 'true'
  const columns = fields.map((field) => restText(`"${field.name}"`, field, int64))
  const reader = await place.storage.read(
    `SELECT ${columns.join(', ')} FROM ${physical} LIMIT ${limit} OFFSET ${start}`,
  )
  const rows: { f: unknown[] }[] = []
  let bytes = 0
  for (const values of reader.getRowsJS()) {
    const row = { f: values.map((value, i) => restValue(value, fields[i] as Field)) }
    for (const value of values) bytes += typeof value === 'string' ? value.length + 10 : 20
    if (bytes > place.pageBytesMax && rows.length > 0) break
    rows.push(row)
  }
  const next = start + rows.length
  return { rows, nextPageToken: next < total && rows.length > 0 ? tokenOf(place, next) : undefined }
}

function paged<T>(place: Place, all: readonly T[], parameters: URLSearchParams) {
  const start = startOf(place, parameters)
  const limit = Number(parameters.get('maxResults') ?? 50)
  const items = all.slice(start, start + limit)
  const next = start + items.length
  return { items, nextPageToken: next < all.length ? { nextPageToken: tokenOf(place, next) } : {} }
}

function tokenOf({ pageGeneration, tokensExpireAtOnce }: Place, at: number): string {
  return Buffer.from(JSON.stringify([tokensExpireAtOnce ? -1 : pageGeneration, at])).toString('base64url')
}

function startOf({ pageGeneration }: Place, parameters: URLSearchParams): number {
  const token = parameters.get('pageToken')
  if (token === null) return Number(parameters.get('startIndex') ?? 0)
  const [generation, at] = JSON.parse(Buffer.from(token, 'base64url').toString('utf8')) as [number, number]
  if (generation !== pageGeneration) throw invalid('Invalid page token: it has expired')
  return at
}

function reference({ projectId }: Place, { dataset, name }: { readonly dataset: string; readonly name: string }) {
  return {
    id: `${projectId}:${dataset}.${name}`,
    tableReference: { projectId, datasetId: dataset, tableId: name },
  }
}

function typeOf({ kind }: StoredTable): string {
  return kind
}
