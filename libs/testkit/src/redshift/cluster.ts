import pg from 'pg'
import { toPostgres } from './dialect.ts'
import type { Iam } from './iam.ts'
import type { ObjectStore } from './object-store.ts'
import { sessionSettings } from './session-sql.ts'
import type { ResultSet, Statement, StatementLog, SubStatement } from './statement-log.ts'
import { readUnload, runUnload, type UnloadStatement } from './unload.ts'

export type ClusterParts = {
  readonly log: StatementLog
  readonly store: ObjectStore
  readonly iam: Iam
  /** Connects as a user of the database. */
  readonly urlOf: (user: string) => string
  readonly admin: pg.Client
  readonly slices: number
  /** Called before each statement is run; a test may hold it there, or kill who asked for it. */
  readonly beforeStatement: (sql: string) => Promise<void> | void
}

/** Values as texts: what they become is the Data API's matter. */
const asText = { getTypeParser: () => (value: string) => value } as unknown as pg.CustomTypesConfig

/** Runs statements, each request in a session of its own, several statements of one request in one transaction. */
export class Cluster {
  readonly #parts: ClusterParts

  constructor(parts: ClusterParts) {
    this.#parts = parts
  }

  /** Resolves when the statement has ended in whatever way; never rejects. */
  async run(statement: Statement, user: string): Promise<void> {
    const { log, urlOf } = this.#parts
    const client = new pg.Client({ connectionString: urlOf(user), types: asText })
    client.on('error', () => undefined)
    try {
      await client.connect()
      await client.query(sessionSettings)
      statement.session = client
      if (statement.status === 'SUBMITTED') log.settle(statement, 'STARTED', null)
      await this.#runAll(statement, client)
      log.settle(statement, statement.isCancelled ? 'ABORTED' : 'FINISHED', null)
    } catch (error) {
      const text = wordsOf(error)
      if (statement.isCancelled) log.settle(statement, 'ABORTED', "ERROR: Query cancelled on user's request")
      else log.settle(statement, 'FAILED', text)
    } finally {
      statement.session = null
      await client.end().catch(() => undefined)
    }
  }

  async cancel(statement: Statement): Promise<void> {
    statement.isCancelled = true
    const pid = (statement.session as unknown as { processID?: number } | null)?.processID
    if (pid !== undefined) await this.#parts.admin.query('SELECT pg_cancel_backend($1)', [pid])
  }

  async #runAll(statement: Statement, client: pg.Client): Promise<void> {
    const session = { isCaseSensitive: false }
    if (statement.isBatch) await client.query('BEGIN')
    for (const part of statement.parts) {
      if (statement.isCancelled) throw new Error('cancelled')
      try {
        part.status = 'STARTED'
        await this.#parts.beforeStatement(part.sql)
        await this.#runOne(part, client, session)
        part.status = 'FINISHED'
      } catch (error) {
        part.status = statement.isCancelled ? 'ABORTED' : 'FAILED'
        part.error = wordsOf(error)
        throw error
      }
    }
    if (statement.isBatch) await client.query('COMMIT')
  }

  async #runOne(part: SubStatement, client: pg.Client, session: { isCaseSensitive: boolean }): Promise<void> {
    const setting = /^\s*SET\s+enable_case_sensitive_identifier\s+(?:TO|=)\s*'?(\w+)'?\s*;?\s*$/i.exec(part.sql)
    if (setting !== null) {
      session.isCaseSensitive = /^(true|on)$/i.test(setting[1] ?? '')
      return
    }
    const unload = readUnload(part.sql)
    if (unload !== null) {
      this.#checkUnload(unload)
      const { store, slices } = this.#parts
      part.rows = await runUnload(unload, { client, store, slices, ...session })
      return
    }
    const result = await client.query({ text: toPostgres(part.sql, session), rowMode: 'array', types: asText })
    part.rows = result.rowCount ?? -1
    if (result.fields.length > 0) part.result = resultOf(result)
  }

  #checkUnload({ role, bucket }: UnloadStatement): void {
    const { iam, store } = this.#parts
    const { unloadRoles, mayUnload } = iam.trust
    if (role === 'default' && unloadRoles.length === 0)
      throw new Error('ERROR: No default IAM role is associated with the cluster.')
    if (role !== 'default' && !unloadRoles.includes(role))
      throw new Error(`ERROR: User arn:aws:redshift:cluster is not authorized to assume IAM Role ${role}`)
    if (bucket !== store.bucket)
      throw new Error('ERROR: S3ServiceException:The specified bucket does not exist,Status 404,Error NoSuchBucket')
    if (!mayUnload) throw new Error('ERROR: S3ServiceException:Access Denied,Status 403,Error AccessDenied')
  }
}

function resultOf({ fields, rows }: pg.QueryArrayResult): ResultSet {
  return { columns: fields.map(({ name, dataTypeID }) => ({ name, oid: dataTypeID })), rows }
}

/** Redshift calls tables relations, as Postgres did. */
function wordsOf(error: unknown): string {
  const text = (error as Error).message.replace('permission denied for table', 'permission denied for relation')
  return text.startsWith('ERROR: ') ? text : `ERROR: ${text}`
}
