import { randomUUID } from 'node:crypto'
import { ApiError, accessDenied, invalidQuery, notFound } from './api-error.ts'
import { partitionColumn, partitionIdSql } from './partitions.ts'
import type { Field } from './rest-values.ts'
import { translate, translateCondition } from './sql-text.ts'
import type { Storage } from './storage.ts'
import { expandWildcards } from './wildcard-tables.ts'

/** What the service account may do. Tests take grants away. */
/** `readSessions`: bigquery.readsessions.create, which none of the roles of the set-up holds. */
export type Grants = {
  jobUser: boolean
  readSessions: boolean
  readonly viewer: Set<string>
  readonly owner: Set<string>
}

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
  /** Called when a job has done its work, before anyone is told. */
  onDone: ((job: Job) => void | Promise<void>) | null = null
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
      const hours = statement.kind === 'select' ? null : statement.hours
      const expires = hours === null ? null : this.#now() + hours * 3_600_000
      if (statement.kind === 'snapshot') {
        this.#storage.createSnapshot(statement.dataset, statement.table, statement.source, expires)
      } else if (statement.kind === 'create') {
        await this.#storage.createAs(statement.dataset, statement.table, statement.sql, expires)
      } else job.result = await this.#storage.keepResult(statement.sql)
      await this.onDone?.(job)
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
    const statement = translate(expanded, (dataset, name, at, where) => {
      this.mayRead(dataset)
      const from = this.#storage.from(dataset, name, at)
      if (name === 'INFORMATION_SCHEMA.PARTITIONS') {
        bytes += catalogBytes
        return from
      }
      for (const inner of this.#storage.datasetsUnder(dataset, name)) this.mayRead(inner)
      sizes.push(this.#bytesOf({ dataset, name, at, where }))
      return from
    })
    if (statement.kind !== 'select') this.mayWrite(statement.dataset)
    if (statement.kind === 'snapshot') {
      const { dataset, table } = statement.source
      if (!this.#grants.viewer.has(dataset) && !this.#grants.owner.has(dataset))
        throw accessDenied(`Table ${dataset}.${table}: Permission bigquery.tables.createSnapshot denied`)
      this.#storage.get(dataset, table)
      return { statement, bytes }
    }
    for (const size of await Promise.all(sizes)) bytes += size
    // What is wrong with a query is found before it costs anything.
    await this.#storage.read(`EXPLAIN ${statement.sql}`)
    return { statement, bytes }
  }

  /** All bytes of a table, or of the partitions that a condition on their column leaves. */
  async #bytesOf({ dataset, name, at, where }: Reference): Promise<number> {
    const { options, view } = this.#storage.get(dataset, name)
    if (view !== null) return 0
    const { physical, bytes, partitions } = this.#storage.versionAt(dataset, name, at)
    const column = partitionColumn(options)
    const id = partitionIdSql(options)
    if (column === null || id === null || partitions === null) return bytes
    const condition = prunes(where, column)
    if (condition === null && options.requirePartitionFilter)
      throw invalidQuery(`Cannot query over table '${name}' without a filter over column(s) '${column}'`)
    if (condition === null) return bytes
    const reader = await this.#storage.read(`SELECT DISTINCT ${id} FROM ${physical} WHERE ${condition}`)
    return reader.getRowsJS().reduce((sum, [each]) => sum + (partitions.get(String(each))?.bytes ?? 0), 0)
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

type Reference = {
  readonly dataset: string
  readonly name: string
  readonly at: bigint | null
  readonly where: string | null
}

/** A question to the catalogue counts as 10 MB. */
const catalogBytes = 10 * 1024 * 1024

/** A condition that can leave partitions out speaks of their column only, with constants; null for any other. */
function prunes(where: string | null, column: string): string | null {
  if (where === null || /^\s*TRUE\s*$/.test(where)) return null
  const names = [...where.matchAll(/`([^`]*)`/g)].map(([, name]) => name)
  const speaksOfIt = names.length > 0 || where.includes('_PARTITIONTIME') || /^\s*FALSE\s*$/.test(where)
  if (!speaksOfIt || !names.every((name) => name === column)) return null
  // A bound inside of a day leaves that day's partition to be read.
  return translateCondition(where).replace(
    /("[^"]*") (>|<=) (?:TIMESTAMPTZ|TIMESTAMP|DATE) '([^']{10})[^']*'/g,
    (_, name, sign: string, day) => `${name}::DATE ${sign[0]}= DATE '${day}'`,
  )
}

/** Cancelled meanwhile; the compiler believes that a state cannot change over an await. */
function ended(job: Job): boolean {
  return job.state === 'DONE'
}
