import { setTimeout as wait } from 'node:timers/promises'
import {
  BatchExecuteStatementCommand,
  CancelStatementCommand,
  DescribeStatementCommand,
  ExecuteStatementCommand,
  type Field,
  GetStatementResultCommand,
  ListStatementsCommand,
  type RedshiftDataClient,
} from '@aws-sdk/client-redshift-data'
import { WarehouseError } from '../warehouse-error.ts'
import type { AwsClients } from './aws-clients.ts'
import { awsError, StatementFailure } from './errors.ts'
import type { RedshiftOptions } from './options.ts'

/** Statements that run one after the other in one transaction. */
export type Statement = {
  readonly sqls: readonly string[]
  /** The client's own, 64 characters at most: a second request with the same token is the first one's statement, for 8 hours. */
  readonly token?: string
  /** Shown in the list of statements, and found by it. */
  readonly name: string
}

export type Value = string | number | boolean | null
export type Rows = readonly (readonly Value[])[]
export type Started = { readonly id: string; readonly createdAt: Date; readonly count: number }

/** The Data API ends a query after 24 hours; the product's own bound is 20. */
const statementMs = 20 * 3600_000
const firstPollMs = 10
const pollMsMax = 5_000
const rowsMax = 100_000
/** https://docs.aws.amazon.com/redshift/latest/mgmt/data-api.html: "The maximum query statement size is 100 KB." */
const sqlBytesMax = 100_000

/** The Redshift Data API through the official SDK, which signs and retries. */
export class RedshiftClient {
  readonly options: RedshiftOptions
  readonly #clients: AwsClients
  readonly #data: RedshiftDataClient

  constructor(options: RedshiftOptions, clients: AwsClients) {
    this.options = options
    this.#clients = clients
    this.#data = clients.data
  }

  /** Who Millrace is in the database. */
  get user(): string {
    return this.options.dbUser ?? `IAMR:${this.options.roleName}`
  }

  async assumeRole(signal: AbortSignal): Promise<void> {
    await told(signal, () => this.#clients.assumeRole())
  }

  /** A short question; repeating it is harmless. Throws `WarehouseError`, or `StatementFailure` for what Redshift did not do. */
  async ask(sqls: readonly string[], signal: AbortSignal): Promise<Rows> {
    const started = await this.start({ sqls, name: 'millrace-ask' }, signal)
    return await this.finish(started, signal)
  }

  /** Starts statements, or finds those that were started with the token. Throws `WarehouseError`. */
  async start({ sqls, token, name }: Statement, signal: AbortSignal): Promise<Started> {
    if (sqls.some((sql) => Buffer.byteLength(sql) > sqlBytesMax)) throw tooManyColumns()
    const common = { ...this.#place(), StatementName: name, ...(token === undefined ? {} : { ClientToken: token }) }
    const abortSignal = { abortSignal: signal }
    const { Id, CreatedAt } = await told(signal, () =>
      sqls.length === 1
        ? this.#data.send(new ExecuteStatementCommand({ ...common, Sql: sqls[0] }), abortSignal)
        : this.#data.send(new BatchExecuteStatementCommand({ ...common, Sqls: [...sqls] }), abortSignal),
    )
    if (Id === undefined) throw protocolError()
    return { id: Id, createdAt: CreatedAt ?? new Date(), count: sqls.length }
  }

  /**
   * Waits for statements and gives the rows of the last one. Asks Redshift to stop them when the signal says so, or after 20
   * hours. Throws `StatementFailure` when they were not done.
   */
  async finish({ id, count }: Started, signal: AbortSignal): Promise<Rows> {
    const late = AbortSignal.timeout(statementMs)
    const either = AbortSignal.any([signal, late])
    try {
      const hasRows = await this.#settled(id, either)
      return hasRows ? await this.#rows(count === 1 ? id : `${id}:${count}`, signal) : []
    } catch (error) {
      if (either.aborted) await this.cancel(id)
      signal.throwIfAborted()
      if (late.aborted) throw tooLate()
      throw error
    }
  }

  /** Asks Redshift to stop statements; whether it does is not waited for. */
  async cancel(id: string): Promise<void> {
    await this.#data
      .send(new CancelStatementCommand({ Id: id }), { abortSignal: AbortSignal.timeout(10_000) })
      .catch(() => undefined)
  }

  /** Statements of this name's beginning that are at work still. */
  async running(namePrefix: string, signal: AbortSignal): Promise<readonly string[]> {
    const ids: string[] = []
    for (const Status of ['SUBMITTED', 'PICKED', 'STARTED'] as const) {
      let NextToken: string | undefined
      do {
        const input = { StatementName: namePrefix, Status, ...(NextToken === undefined ? {} : { NextToken }) }
        const page = await told(signal, () =>
          this.#data.send(new ListStatementsCommand(input), { abortSignal: signal }),
        )
        ids.push(...(page.Statements ?? []).flatMap(({ Id }) => (Id === undefined ? [] : [Id])))
        NextToken = page.NextToken
      } while (NextToken !== undefined)
    }
    return ids
  }

  close(): Promise<void> {
    return this.#clients.close()
  }

  #place() {
    const { database, clusterId, workgroupName, dbUser } = this.options
    if (workgroupName !== undefined) return { Database: database, WorkgroupName: workgroupName }
    return { Database: database, ClusterIdentifier: clusterId, ...(dbUser === undefined ? {} : { DbUser: dbUser }) }
  }

  async #settled(id: string, signal: AbortSignal): Promise<boolean> {
    for (let pause = firstPollMs; ; pause = Math.min(pause * 1.6, pollMsMax)) {
      const described = await told(signal, () =>
        this.#data.send(new DescribeStatementCommand({ Id: id }), { abortSignal: signal }),
      )
      const { Status, Error: text, SubStatements } = described
      if (Status === 'FINISHED') return SubStatements?.at(-1)?.HasResultSet ?? described.HasResultSet ?? false
      if (Status === 'FAILED' || Status === 'ABORTED') throw new StatementFailure(Status, text ?? '')
      await wait(pause, undefined, { signal })
    }
  }

  async #rows(id: string, signal: AbortSignal): Promise<Rows> {
    const rows: (readonly Value[])[] = []
    let NextToken: string | undefined
    do {
      const input = { Id: id, ...(NextToken === undefined ? {} : { NextToken }) }
      const page = await told(signal, () =>
        this.#data.send(new GetStatementResultCommand(input), { abortSignal: signal }),
      )
      for (const record of page.Records ?? []) rows.push(record.map(cellOf))
      NextToken = page.NextToken
    } while (NextToken !== undefined && rows.length < rowsMax)
    return rows
  }
}

function cellOf(field: Field): Value {
  if (field.isNull) return null
  return field.stringValue ?? field.longValue ?? field.doubleValue ?? field.booleanValue ?? null
}

async function told<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  signal.throwIfAborted()
  try {
    return await work()
  } catch (error) {
    signal.throwIfAborted()
    throw awsError(error)
  }
}

function tooManyColumns(): WarehouseError {
  return new WarehouseError(
    'mode_not_supported',
    'The table has so many columns that the statement is longer than the Data API takes (100 KB).',
    'Sync a view of it with the columns that are needed; mirror takes about 300.',
  )
}

function protocolError(): WarehouseError {
  return new WarehouseError('protocol_error', 'The Data API gave no statement id.', 'It is tried again.')
}

function tooLate(): WarehouseError {
  return new WarehouseError(
    'statement_timeout',
    'The statement ran longer than 20 hours and was ended.',
    'Sync views that hold smaller parts of the data.',
  )
}
