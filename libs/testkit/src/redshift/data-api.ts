import { AwsError, accessDenied, invalid } from './aws-error.ts'
import type { Cluster } from './cluster.ts'
import type { Iam } from './iam.ts'
import type { Signer } from './signature.ts'
import type { ResultSet, Statement, StatementLog, SubStatement } from './statement-log.ts'

export type DataApiParts = {
  readonly iam: Iam
  readonly log: StatementLog
  readonly cluster: Cluster
  readonly clusterId: string
  readonly workgroupName: string
  readonly database: string
  readonly users: ReadonlySet<string>
  readonly limits: DataApiLimits
}

export type DataApiLimits = {
  /** https://docs.aws.amazon.com/redshift/latest/mgmt/data-api.html: 500. */
  activeStatementsMax: number
  /** Requests that are refused as too many from now on. */
  throttleNext: number
}

type Input = Readonly<Record<string, unknown>>
const sqlBytesMax = 100_000
const rowsOfPage = 1000
const resultBytesMax = 100 * 1024 * 1024

/** One action of the Redshift Data API. Throws what the service refuses. */
export function answerDataApi(parts: DataApiParts, signer: Signer, action: string, input: Input): object {
  const known = actions[action]
  if (known === undefined) throw new AwsError('UnknownOperationException', `Unknown operation ${action}`)
  if (parts.limits.throttleNext > 0) {
    parts.limits.throttleNext--
    throw new AwsError('ThrottlingException', 'Rate exceeded')
  }
  parts.iam.allow(signer, `redshift-data:${action}`)
  return known(parts, signer, input)
}

const actions: Readonly<Record<string, (parts: DataApiParts, signer: Signer, input: Input) => object>> = {
  ExecuteStatement: (parts, signer, input) => execute(parts, signer, input, [textOf(input.Sql)], false),
  BatchExecuteStatement: (parts, signer, input) => {
    const sqls = Array.isArray(input.Sqls) ? input.Sqls.map(textOf) : []
    if (sqls.length < 1 || sqls.length > 40) throw invalid('Sqls must have between 1 and 40 items')
    return execute(parts, signer, input, sqls, true)
  },
  DescribeStatement: ({ log }, signer, { Id }) => {
    const { statement, part } = log.get(textOf(Id), ownerOf(signer))
    return part === null ? described(statement) : { Id, ...ofPart(partOf(statement, part)) }
  },
  GetStatementResult: ({ log }, signer, { Id, NextToken }) => {
    const { statement, part } = log.get(textOf(Id), ownerOf(signer))
    const of = statement.parts.length === 1 && part === null ? statement.parts[0] : partOf(statement, part ?? 0)
    if (of?.status !== 'FINISHED' || of.result === null)
      throw Object.assign(invalid('Query does not have result. Please check query status with DescribeStatement.'), {
        name: 'ResourceNotFoundException',
      })
    return page(of.result, NextToken)
  },
  CancelStatement: ({ log, cluster }, signer, { Id }) => {
    const { statement } = log.get(textOf(Id), ownerOf(signer))
    if (statement.status !== 'SUBMITTED' && statement.status !== 'STARTED')
      throw invalid('Could not cancel a query that is already in FINISHED state.')
    void cluster.cancel(statement)
    return { Status: true }
  },
  ListStatements: ({ log }, signer, { StatementName, Status, NextToken, MaxResults }) => {
    const name = StatementName === undefined ? '' : textOf(StatementName)
    const status = Status === undefined || Status === 'ALL' ? null : textOf(Status)
    const found = log.all.filter(
      (each) =>
        each.owner === ownerOf(signer) &&
        (name === '' || (each.name?.startsWith(name) ?? false)) &&
        (status === null || each.status === status),
    )
    const from = Number(NextToken ?? 0)
    const max = Number(MaxResults ?? 100)
    const next = from + max < found.length ? { NextToken: String(from + max) } : {}
    return { Statements: found.slice(from, from + max).map(listed), ...next }
  },
}

function execute(parts: DataApiParts, signer: Signer, input: Input, sqls: readonly string[], isBatch: boolean): object {
  const { log, cluster, limits } = parts
  for (const sql of sqls) {
    if (sql.trim() === '') throw invalid('SQL statement is empty')
    if (Buffer.byteLength(sql) > sqlBytesMax)
      throw invalid(
        '1 validation error detected: Value at sql failed to satisfy constraint: query is longer than 100 KB',
      )
  }
  const user = userOf(parts, signer, input)
  const token = input.ClientToken === undefined ? null : textOf(input.ClientToken)
  if (token !== null && (token.length < 1 || token.length > 64))
    throw invalid('ClientToken must have 1 to 64 characters')
  const request = JSON.stringify([sqls, input.Database, input.ClusterIdentifier, input.WorkgroupName, input.DbUser])
  const known = log.byToken(token, request)
  if (known !== null) return answerOf(known, input)
  if (log.active >= limits.activeStatementsMax)
    throw new AwsError('ActiveStatementsExceededException', 'The number of active statements exceeds the limit.')
  const name = input.StatementName === undefined ? null : textOf(input.StatementName)
  const statement = log.add({ isBatch, name, token, request, owner: ownerOf(signer) }, sqls)
  void cluster.run(statement, user)
  return answerOf(statement, input)
}

/** Who the statement runs as. Throws what the service says to a place that is not there. */
function userOf(parts: DataApiParts, signer: Signer, input: Input): string {
  const { iam, clusterId, workgroupName, database, users } = parts
  if (input.Database !== database) throw invalid(`FATAL: database "${textOf(input.Database)}" does not exist`)
  if (input.WorkgroupName !== undefined) {
    if (input.WorkgroupName !== workgroupName)
      throw invalid('Redshift endpoint doesn’t exist in this region.'.replace('’', "'"))
    iam.allow(signer, 'redshift-serverless:GetCredentials')
    return `IAMR:${signer.role}`
  }
  if (input.ClusterIdentifier !== clusterId) throw invalid("Redshift endpoint doesn't exist in this region.")
  if (input.DbUser === undefined) {
    iam.allow(signer, 'redshift:GetClusterCredentialsWithIAM')
    return `IAMR:${signer.role}`
  }
  iam.allow(signer, 'redshift:GetClusterCredentials')
  const user = textOf(input.DbUser)
  if (!users.has(user)) throw invalid(`FATAL: user "${user}" does not exist`)
  return user
}

function answerOf(statement: Statement, input: Input): object {
  const { ClusterIdentifier, WorkgroupName, Database, DbUser } = input
  return {
    Id: statement.id,
    CreatedAt: statement.createdAtMs / 1000,
    ClusterIdentifier,
    WorkgroupName,
    Database,
    DbUser,
  }
}

function described(statement: Statement): object {
  const { id, isBatch, parts, status, error, createdAtMs, updatedAtMs } = statement
  const only = parts[0]!
  return {
    Id: id,
    Status: status,
    CreatedAt: createdAtMs / 1000,
    UpdatedAt: updatedAtMs / 1000,
    Duration: (updatedAtMs - createdAtMs) * 1_000_000,
    ...(error === null ? {} : { Error: error }),
    ...(isBatch
      ? { SubStatements: parts.map((part, i) => ({ Id: `${id}:${i + 1}`, ...ofPart(part) })) }
      : { HasResultSet: only.result !== null, ResultRows: only.rows, QueryString: only.sql }),
  }
}

function ofPart({ status, error, result, rows, sql }: SubStatement): object {
  return {
    Status: status,
    HasResultSet: result !== null,
    ResultRows: rows,
    QueryString: sql,
    ...(error === null ? {} : { Error: error }),
  }
}

function listed({ id, name, status, createdAtMs, updatedAtMs, isBatch, parts }: Statement): object {
  return {
    Id: id,
    ...(name === null ? {} : { StatementName: name }),
    Status: status,
    CreatedAt: createdAtMs / 1000,
    UpdatedAt: updatedAtMs / 1000,
    IsBatchStatement: isBatch,
    QueryString: parts[0]?.sql,
  }
}

/** Sub-statements are counted from 1. */
function partOf(statement: Statement, number: number): SubStatement {
  const part = statement.parts[number - 1]
  if (part === undefined) throw Object.assign(invalid('Query does not exist.'), { name: 'ResourceNotFoundException' })
  return part
}

function page({ columns, rows }: ResultSet, token: unknown): object {
  const bytes = rows.reduce(
    (sum, row) => sum + row.reduce<number>((all, value) => all + String(value ?? '').length, 0),
    0,
  )
  if (bytes > resultBytesMax) throw invalid('Query results exceed the size limit.')
  const from = Number(token ?? 0)
  const more = from + rowsOfPage < rows.length ? { NextToken: String(from + rowsOfPage) } : {}
  return {
    ColumnMetadata: columns.map(({ name }) => ({ name, label: name })),
    Records: rows.slice(from, from + rowsOfPage).map((row) => row.map((value, i) => fieldOf(value, columns[i]!.oid))),
    TotalNumRows: rows.length,
    ...more,
  }
}

const longs: ReadonlySet<number> = new Set([20, 21, 23, 26])
const doubles: ReadonlySet<number> = new Set([700, 701])
const boolean = 16

function fieldOf(value: unknown, oid: number): object {
  if (value === null || value === undefined) return { isNull: true }
  const text = String(value)
  if (oid === boolean) return { booleanValue: text === 't' }
  if (longs.has(oid)) return { longValue: Number(text) }
  if (doubles.has(oid) && Number.isFinite(Number(text))) return { doubleValue: Number(text) }
  return { stringValue: text }
}

function ownerOf(signer: Signer): string {
  if (signer.role === null) throw accessDenied('User is not authorized to perform redshift-data actions')
  return signer.role
}

function textOf(value: unknown): string {
  if (typeof value !== 'string') throw invalid('1 validation error detected: a value is not a string')
  return value
}
