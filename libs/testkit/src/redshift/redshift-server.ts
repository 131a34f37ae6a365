import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { startPostgres } from '@millrace/local-stack/servers/postgres.ts'
import pg from 'pg'
import { AwsError } from './aws-error.ts'
import { Cluster } from './cluster.ts'
import { answerDataApi, type DataApiLimits } from './data-api.ts'
import { Iam, type Trust } from './iam.ts'
import { ObjectStore } from './object-store.ts'
import { answerS3, escapeXml, type S3Answer } from './s3-endpoint.ts'
import { redshiftSchema } from './session-sql.ts'
import { type SignedRequest, verifySignature } from './signature.ts'
import { type Statement, StatementLog } from './statement-log.ts'

/**
 * A stand-in for STS, the Redshift Data API and S3 at one address on loopback, which the official SDKs talk to. Statements run
 * on a real Postgres that refuses what Redshift does not know (dialect.ts); what Postgres has of its own and no statement here
 * uses may slip through.
 */
export type RedshiftServer = {
  readonly endpoint: string
  readonly region: string
  readonly accountId: string
  readonly clusterId: string
  readonly workgroupName: string
  readonly database: string
  /** A user of the database without rights; so is `IAMR:` and the name of the role. */
  readonly dbUser: string
  readonly roleName: string
  readonly bucket: string
  /** Millrace's own identity. */
  readonly identity: { readonly accessKeyId: string; readonly secretAccessKey: string }
  readonly trust: Trust
  readonly limits: DataApiLimits
  readonly objects: ObjectStore
  /** All statements that were asked for, in order. */
  readonly statements: readonly Statement[]
  /** Called before each statement is run. */
  beforeStatement: (sql: string) => Promise<void> | void
  /** Of the Postgres that stands behind it. */
  readonly pid: number
  /** Runs a statement of Postgres as the owner of everything. */
  sql(text: string, values?: readonly unknown[]): Promise<pg.QueryResult>
  /** Redshift takes keys down without enforcing them. */
  declareKey(schema: string, table: string, columns: readonly string[]): Promise<void>
  close(): Promise<void>
}

export type RedshiftServerOptions = {
  readonly now?: () => number
  readonly slices?: number
  /** Default a folder of its own, removed at the end. */
  readonly dir?: string
}

const names = {
  region: 'us-east-1',
  accountId: '123456789012',
  clusterId: 'shop-cluster',
  workgroupName: 'shop-workgroup',
  database: 'dev',
  dbUser: 'millrace',
  roleName: 'MillraceRole',
  bucket: 'shop-staging',
} as const

export async function startRedshiftServer(options: RedshiftServerOptions = {}): Promise<RedshiftServer> {
  const { now = Date.now, slices = 2 } = options
  const dir = options.dir ?? mkdtempSync(path.join(tmpdir(), 'millrace-redshift-'))
  const password = randomBytes(12).toString('hex')
  const postgres = await startPostgres({ dir: path.join(dir, 'postgres'), shortLived: true })
  const admin = await openDatabase(postgres.urlOf, postgres, password)
  const iam = new Iam(names, now)
  const log = new StatementLog(now)
  const objects = new ObjectStore(names.bucket, path.join(dir, 's3'))
  const limits: DataApiLimits = { activeStatementsMax: 500, throttleNext: 0 }
  const cluster = new Cluster({
    log,
    store: objects,
    iam,
    admin,
    slices,
    urlOf: (user) => postgres.urlOf(names.database, { user, password }),
    beforeStatement: (sql) => server.beforeStatement(sql),
  })
  const parts = { ...names, iam, log, cluster, limits, users: new Set([names.dbUser]) }
  const http = createServer((message, response) => {
    void respond(message, response, async (request) => {
      const signer = verifySignature(request, iam.signers, now())
      const target = request.headers['x-amz-target']
      if (typeof target === 'string') {
        const input = JSON.parse(request.body.toString('utf8') || '{}') as Record<string, unknown>
        return { status: 200, body: JSON.stringify(answerDataApi(parts, signer, target.replace(/^.*\./, ''), input)) }
      }
      const body = request.path === '/' ? new URLSearchParams(request.body.toString('utf8')) : null
      if (body?.get('Action') === 'AssumeRole') return { status: 200, body: iam.assumeRole(signer, body) }
      return answerS3(objects, iam, signer, request)
    })
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const server: RedshiftServer = {
    ...names,
    endpoint: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    identity: iam.identity,
    trust: iam.trust,
    limits,
    objects,
    statements: log.all,
    beforeStatement: () => undefined,
    pid: postgres.pid,
    sql: (text, values = []) => admin.query(text, [...values]),
    async declareKey(schema, table, columns) {
      await admin.query(
        `INSERT INTO redshift.declared_keys SELECT c.oid, array_agg(a.attnum ORDER BY array_position($3::text[], a.attname::text))
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
         WHERE n.nspname = $1 AND c.relname = $2 AND a.attname = ANY($3::text[]) GROUP BY c.oid`,
        [schema, table, columns],
      )
    },
    async close() {
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
      await admin.end()
      await postgres.stop()
      if (options.dir === undefined) rmSync(dir, { recursive: true, force: true })
    },
  }
  return server
}

/** The database with its users, who may nothing yet. */
async function openDatabase(
  urlOf: (database: string) => string,
  { url }: { readonly url: string },
  password: string,
): Promise<pg.Client> {
  const first = new pg.Client({ connectionString: url })
  await first.connect()
  for (const user of [names.dbUser, `IAMR:${names.roleName}`]) {
    await first.query(`CREATE ROLE "${user}" LOGIN PASSWORD '${password}'`)
  }
  await first.query(`CREATE DATABASE ${names.database}`)
  await first.end()
  const admin = new pg.Client({ connectionString: urlOf(names.database) })
  admin.on('error', () => undefined)
  await admin.connect()
  await admin.query(redshiftSchema)
  await admin.query('SET search_path TO public, redshift')
  return admin
}

async function respond(
  message: IncomingMessage,
  response: ServerResponse,
  answer: (request: SignedRequest) => Promise<S3Answer>,
): Promise<void> {
  const isJson = message.headers['x-amz-target'] !== undefined
  try {
    const [rawPath = '/', query = ''] = (message.url ?? '/').split('?')
    const request = {
      method: message.method ?? 'GET',
      path: rawPath,
      query,
      headers: message.headers,
      body: await bodyOf(message),
    }
    const { status, headers = {}, body } = await answer(request)
    response.writeHead(status, {
      'content-type': isJson ? 'application/x-amz-json-1.1' : 'application/xml',
      ...headers,
    })
    if (body === undefined || typeof body === 'string') response.end(body)
    else body.pipe(response)
  } catch (error) {
    const {
      name,
      message: text,
      status,
    } = error instanceof AwsError ? error : new AwsError('InternalError', String(error), 500)
    response.writeHead(status, {
      'content-type': isJson ? 'application/x-amz-json-1.1' : 'application/xml',
      'x-amzn-errortype': name,
    })
    response.end(isJson ? JSON.stringify({ __type: name, message: text }) : errorXml(name, text, message.url ?? ''))
  }
}

/** STS wraps its errors, S3 does not. */
function errorXml(name: string, text: string, url: string): string {
  const error = `<Code>${name}</Code><Message>${escapeXml(text)}</Message>`
  return url === '/'
    ? `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>${error}</Error><RequestId>stand-in</RequestId></ErrorResponse>`
    : `<?xml version="1.0" encoding="UTF-8"?><Error>${error}<RequestId>stand-in</RequestId></Error>`
}

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of message as AsyncIterable<Buffer>) parts.push(part)
  return Buffer.concat(parts)
}
