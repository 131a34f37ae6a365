import { WarehouseError } from '../warehouse-error.ts'
import type { BigQueryClient, Call } from './client.ts'
import { ApiRefusal, bigQueryError, refusalOf } from './errors.ts'

export type QueryJob = {
  /** The client's own: a second job with the same id is refused, so a retry never runs a query twice. */
  readonly id: string
  readonly sql: string
  readonly location: string | undefined
  readonly labels: Readonly<Record<string, string>>
  readonly bytesBilledMax?: number
}

/** A job that has succeeded. `labels` are those it was started with, perhaps by an attempt that died. */
export type FinishedJob = {
  readonly id: string
  readonly labels: Readonly<Record<string, string>>
  readonly rows: readonly ResultRow[]
}
export type ResultRow = readonly (string | null)[]

/** https://cloud.google.com/bigquery/quotas lets queries run 6 hours by default; the product's own bound is 20. */
const jobMs = 20 * 3600_000
const pollMs = 10_000
/** Ids are used up by jobs that failed. */
const attemptsMax = 8

type ApiJob = {
  readonly status?: { readonly state?: string; readonly errorResult?: { reason?: string; message?: string } }
  readonly configuration?: { readonly labels?: Readonly<Record<string, string>> }
  readonly jobReference?: { readonly location?: string }
}
type ApiResults = {
  readonly jobComplete: boolean
  readonly rows?: readonly { readonly f: readonly { readonly v: string | null }[] }[]
}

/**
 * Runs a query under an id of ours, or waits for the job that already has it. A job that failed keeps its id, so the
 * next one gets a number behind it. Stops the job when the signal says so. Throws `WarehouseError`.
 */
export async function runJob(
  client: BigQueryClient,
  job: (attempt: number) => QueryJob,
  signal: AbortSignal,
): Promise<FinishedJob> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const asked = job(attempt)
    const existing = await insertJob(client, asked, signal)
    if (existing?.status?.errorResult !== undefined) continue
    const location = existing?.jobReference?.location ?? asked.location
    const rows = await waitForJob(client, asked.id, location, signal)
    return { id: asked.id, labels: existing?.configuration?.labels ?? asked.labels, rows }
  }
  throw new WarehouseError(
    'query_failed',
    `The query of the run has failed ${attemptsMax} times.`,
    'See the jobs of the service account in BigQuery’s job history for the reason.',
  )
}

/** null when the job was started; the job itself when it was there before. */
async function insertJob(client: BigQueryClient, job: QueryJob, signal: AbortSignal): Promise<ApiJob | null> {
  const { id, sql, location, labels, bytesBilledMax } = job
  const body = {
    jobReference: { projectId: client.projectId, jobId: id, ...(location ? { location } : {}) },
    configuration: {
      jobTimeoutMs: String(jobMs),
      labels,
      query: {
        query: sql,
        useLegacySql: false,
        ...(bytesBilledMax === undefined ? {} : { maximumBytesBilled: String(bytesBilledMax) }),
      },
    },
  }
  try {
    await client.attempt<ApiJob>({ method: 'POST', path: '/jobs', body }, signal)
    return null
  } catch (error) {
    if (signal.aborted) await cancelJob(client, id, location)
    signal.throwIfAborted()
    if (refusalOf(error).status !== 409) throw bigQueryError(error)
    return await client.call<ApiJob>({ path: `/jobs/${id}`, query: location ? { location } : {} }, signal)
  }
}

/** Waits until a job is done and gives the first rows of its result. */
async function waitForJob(
  client: BigQueryClient,
  id: string,
  location: string | undefined,
  signal: AbortSignal,
): Promise<readonly ResultRow[]> {
  const query = { timeoutMs: pollMs, maxResults: 1000, ...(location ? { location } : {}) }
  try {
    for (;;) {
      const answer = await client.call<ApiResults>({ path: `/queries/${id}`, query }, signal)
      if (answer.jobComplete) return (answer.rows ?? []).map(({ f }) => f.map(({ v }) => v))
    }
  } catch (error) {
    if (signal.aborted) await cancelJob(client, id, location)
    signal.throwIfAborted()
    throw error
  }
}

/** Asks BigQuery to stop a job; whether it does is not waited for. */
async function cancelJob(client: BigQueryClient, id: string, location: string | undefined): Promise<void> {
  const query: Call['query'] = location ? { location } : {}
  await client
    .call({ method: 'POST', path: `/jobs/${id}/cancel`, query }, AbortSignal.timeout(10_000))
    .catch(() => undefined)
}

/** A short question that costs nothing or little; repeating it is harmless. Throws `WarehouseError`. */
export async function ask(
  client: BigQueryClient,
  sql: string,
  signal: AbortSignal,
  { location, bytesBilledMax }: { readonly location: string | undefined; readonly bytesBilledMax?: number },
): Promise<readonly ResultRow[]> {
  const body = {
    query: sql,
    useLegacySql: false,
    timeoutMs: pollMs,
    maxResults: 1000,
    ...(location ? { location } : {}),
    ...(bytesBilledMax === undefined ? {} : { maximumBytesBilled: String(bytesBilledMax) }),
  }
  type Answer = ApiResults & { readonly jobReference?: { readonly jobId?: string; readonly location?: string } }
  const answer = await client.call<Answer>({ method: 'POST', path: '/queries', body }, signal)
  const { jobId, location: where } = answer.jobReference ?? {}
  if (!answer.jobComplete && jobId !== undefined) return await waitForJob(client, jobId, where ?? location, signal)
  if (!answer.jobComplete) throw new ApiRefusal(500, 'internalError', 'no job')
  return (answer.rows ?? []).map(({ f }) => f.map(({ v }) => v))
}

/** What a query would read, in bytes, without running it. Throws `WarehouseError`, also when it could not run. */
export async function dryRun(
  client: BigQueryClient,
  sql: string,
  location: string | undefined,
  signal: AbortSignal,
): Promise<number> {
  const body = {
    jobReference: { projectId: client.projectId, ...(location ? { location } : {}) },
    configuration: { dryRun: true, query: { query: sql, useLegacySql: false } },
  }
  type Answer = { readonly statistics?: { readonly totalBytesProcessed?: string } }
  const answer = await client.call<Answer>({ method: 'POST', path: '/jobs', body }, signal)
  return Number(answer.statistics?.totalBytesProcessed ?? 0)
}
