import { randomUUID } from 'node:crypto'
import { ApiError, accessDenied, invalidQuery, notFound } from './api-error.ts'
import type { Field } from './rest-values.ts'
import { translate } from './sql-text.ts'
import type { Storage } from './storage.ts'
import { expandWildcards } from './wildcard-tables.ts'

/** What the service account may do. Tests take grants away. */
export type Grants = { jobUser: boolean; readonly viewer: Set<string>; readonly owner: Set<string> }

export type JobRequest = {
  readonly id: string | undefined
  readonly location: string | undefined
  readonly query: string
  readonly labels: Readonly<Record<string, string>>
  readonly maximumBytesBilled: number | null
}

export type Job = {
  readonly id: string
  readonly request: JobRequest
  state: 'PENDING' | 'RUNNING' | 'DONE'
  error: ApiError | null
  result: { readonly physical: string; readonly fields: readonly Field[]; readonly rows: number } | null
  bytes: number
  readonly createdAt: number
  readonly done: Promise<void>
}

/** The jobs of the stand-in: states, ids that cannot be used twice, permissions, cost. */
export class QueryJobs {
  readonly byId = new Map<string, Job>()
  /** Jobs whose ids match stay RUNNING until the promise resolves. */
  held: { readonly id: RegExp; readonly until: Promise<void> } | null = null
  readonly #storage: Storage
  readonly #grants: Grants
  readonly #now: () => number

  constructor(storage: Storage, grants: Grants, now: () => number) {
    this.#storage = storage
    this.#grants = grants
    this.#now = now
  }

  insert(request: JobRequest): Job {
    this.#mayRunJobs()
    const id = request.id ?? `job_${randomUUID()}`
    if (this.byId.has(id)) throw new ApiError(409, 'duplicate', `Already Exists: Job ${id}`)
    const { promise, resolve } = Promise.withResolvers<void>()
    const job: Job = {
      id,
      request,
      state: 'PENDING',
      error: null,
      result: null,
      bytes: 0,
      createdAt: this.#now(),
      done: promise,
    }
    this.byId.set(id, job)
    setImmediate(() => void this.#work(job).then(resolve))
    return job
  }

  get(id: string): Job {
    const job = this.byId.get(id)
    if (job === undefined) throw notFound(`Job ${id}`)
    return job
  }

  cancel(id: string): Job {
    const job = this.get(id)
    if (job.state !== 'DONE')
      this.#end(job, new ApiError(499, 'stopped', 'Job execution was cancelled: User requested cancellation'))
    return job
  }

  /** Checks a query as a dry run does; gives the bytes it would read. */
  async check(query: string): Promise<number> {
    this.#mayRunJobs()
    return (await this.#prepare(query)).bytes
  }

  async #work(job: Job): Promise<void> {
    if (job.state === 'DONE') return
    job.state = 'RUNNING'
    if (this.held?.id.test(job.id)) await this.held.until
    try {
      const { statement, bytes } = await this.#prepare(job.request.query)
      if (ended(job)) return
      job.bytes = bytes
      const max = job.request.maximumBytesBilled
      if (max !== null && bytes > max)
        throw new ApiError(400, 'bytesBilledLimitExceeded', `Query exceeded limit for bytes billed: ${max}`)
      if (statement.kind === 'create') {
        const expires = statement.hours === null ? null : this.#now() + statement.hours * 3_600_000
        await this.#storage.createAs(statement.dataset, statement.table, statement.sql, expires)
      } else job.result = await this.#storage.keepResult(statement.sql)
      this.#end(job, null)
    } catch (error) {
      this.#end(job, error instanceof ApiError ? error : invalidQuery((error as Error).message))
    }
  }

  #end(job: Job, error: ApiError | null): void {
    if (job.state === 'DONE') return
    job.state = 'DONE'
    job.error = error
  }

  async #prepare(query: string) {
    let bytes = 0
    const sizes: Promise<number>[] = []
    const expanded = expandWildcards(query, (dataset) => this.#storage.tablesOf(dataset))
    const statement = translate(expanded, (dataset, name, at) => {
      this.mayRead(dataset)
      const from = this.#storage.from(dataset, name, at)
      const { options } = this.#storage.get(dataset, name)
      for (const inner of this.#storage.datasetsUnder(dataset, name)) this.mayRead(inner)
      sizes.push(this.#bytesOf(query, from, options.timePartitioning?.field, dataset, name))
      return from
    })
    if (statement.kind === 'create') this.mayWrite(statement.dataset)
    for (const size of await Promise.all(sizes)) bytes += size
    // What is wrong with a query is found before it costs anything.
    await this.#storage.read(`EXPLAIN ${statement.sql}`)
    return { statement, bytes }
  }

  /** All bytes of a table, or of the days that conditions on its partition column leave. */
  async #bytesOf(
    query: string,
    from: string,
    field: string | undefined,
    dataset: string,
    name: string,
  ): Promise<number> {
    const { versions } = this.#storage.get(dataset, name)
    const whole = versions.at(-1)
    if (whole === undefined) return 0
    if (field === undefined || whole.rows === 0) return whole.bytes
    const pattern = new RegExp(`\`${field}\` (>=?|<=?) (?:TIMESTAMP|DATETIME|DATE) '([^']{10})`, 'g')
    const { options } = this.#storage.get(dataset, name)
    const conditions = [...query.matchAll(pattern)].map(
      ([, sign = '', day]) => `"${field}"::DATE ${sign[0]}= DATE '${day}'`,
    )
    if (conditions.length === 0 && options.requirePartitionFilter)
      throw invalidQuery(`Cannot query over table '${name}' without a filter over column(s) '${field}'`)
    if (conditions.length === 0) return whole.bytes
    const reader = await this.#storage.read(`SELECT count(*) FROM ${from} WHERE ${conditions.join(' AND ')}`)
    return Math.round((whole.bytes * Number(reader.getRowsJS()[0]?.[0])) / whole.rows)
  }

  mayRead(dataset: string): void {
    if (this.#grants.viewer.has(dataset) || this.#grants.owner.has(dataset)) return
    throw accessDenied(`Dataset ${dataset}: Permission bigquery.tables.getData denied on dataset ${dataset}`)
  }

  mayWrite(dataset: string): void {
    if (this.#grants.owner.has(dataset)) return
    throw accessDenied(`Dataset ${dataset}: Permission bigquery.tables.create denied on dataset ${dataset}`)
  }

  #mayRunJobs(): void {
    if (!this.#grants.jobUser)
      throw accessDenied('Project: User does not have bigquery.jobs.create permission in project')
  }
}

/** Cancelled meanwhile; the compiler believes that a state cannot change over an await. */
function ended(job: Job): boolean {
  return job.state === 'DONE'
}
