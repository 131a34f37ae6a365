import { createRequire } from 'node:module'
import type { SnowflakeServer } from '@millrace/testkit/snowflake/snowflake-server.ts'

// Nothing of the machine or the connection is looked at or told.
process.env.SNOWFLAKE_DISABLE_PLATFORM_DETECTION = 'true'
process.env.SNOWFLAKE_DISABLE_MINICORE = 'true'
process.env.SF_TELEMETRY_DISABLE_CONNECTION_SHAPE = 'true'

type Row = Record<string, unknown>
export type Statement = { getQueryId(): string; cancel(done: (error: unknown) => void): void }
type Execute = {
  readonly sqlText: string
  readonly binds?: readonly unknown[]
  readonly asyncExec?: boolean
  readonly fetchAsString?: readonly string[]
  readonly parameters?: Readonly<Record<string, unknown>>
  complete(error: unknown, statement: Statement, rows: Row[]): void
}
type Connection = {
  connect(done: (error: unknown) => void): void
  execute(options: Execute): Statement
  destroy(done: (error: unknown) => void): void
  getQueryStatus(id: string): Promise<string>
  getResultsFromQueryId(options: {
    readonly queryId: string
    readonly sqlText: string
    complete: Execute['complete']
  }): unknown
}

// The driver's types are not loaded: the stand-in is held to what it does.
const sdk = createRequire(import.meta.url)('snowflake-sdk') as {
  createConnection(options: Readonly<Record<string, unknown>>): Connection
  configure(options: Readonly<Record<string, unknown>>): void
}
sdk.configure({ logLevel: 'OFF', additionalLogToConsole: false })

/** A session through the unmodified driver. */
export class Driver {
  readonly connection: Connection

  private constructor(connection: Connection) {
    this.connection = connection
  }

  /** Rejects with the driver's error. */
  static async connect(server: SnowflakeServer, more: Readonly<Record<string, unknown>> = {}): Promise<Driver> {
    const connection = sdk.createConnection({
      account: server.account,
      accessUrl: server.accessUrl,
      username: server.user,
      password: server.password,
      role: server.role,
      warehouse: server.warehouse,
      database: server.database,
      schema: server.connectorSchema,
      representNullAsStringNull: false,
      sfRetryMaxLoginRetries: 1,
      ...more,
    })
    await new Promise<void>((resolve, reject) => connection.connect((error) => (error ? reject(error) : resolve())))
    return new Driver(connection)
  }

  rows(sqlText: string, more: Partial<Execute> = {}): Promise<Row[]> {
    return new Promise((resolve, reject) => {
      this.connection.execute({
        sqlText,
        ...more,
        complete: (error, _, rows) => (error ? reject(error) : resolve(rows)),
      })
    })
  }

  /** All values as texts. */
  async texts(sql: string, binds?: readonly unknown[]): Promise<readonly (readonly (string | null)[])[]> {
    const fetchAsString = ['String', 'Boolean', 'Number', 'Date', 'JSON', 'Buffer']
    const rows = await this.rows(sql, { fetchAsString, ...(binds === undefined ? {} : { binds }) })
    return rows.map((row) => Object.values(row).map((value) => (value === null ? null : String(value))))
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.connection.destroy(() => resolve()))
  }
}
