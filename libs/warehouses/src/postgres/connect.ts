import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { connectTcp } from '@millrace/net/connect-tcp.ts'
import { NetError, unreachable } from '@millrace/net/net-error.ts'
import type { NetPolicy } from '@millrace/net/net-policy.ts'
import type { SshTunnel } from '@millrace/net/ssh-tunnel.ts'
import { startTls } from '@millrace/net/start-tls.ts'
import pg from 'pg'
import { postgresError } from './errors.ts'
import type { PostgresOptions } from './options.ts'

export type ConnectParts = {
  readonly options: PostgresOptions
  readonly password: string
  readonly policy: NetPolicy
  readonly tunnel: SshTunnel | null
  readonly applicationName: string
}

const greetingMs = 10_000
const keepAliveMs = 30_000

/**
 * What every session sets before anything else: read-only, no name looked up outside of pg_catalog, and the text forms
 * of types fixed, since texts become values and row ids.
 */
const sessionSettings = [
  ['default_transaction_read_only', 'on'],
  ['search_path', 'pg_catalog'],
  ['client_encoding', 'UTF8'],
  ['TimeZone', 'UTC'],
  ['DateStyle', 'ISO, YMD'],
  ['IntervalStyle', 'postgres'],
  ['extra_float_digits', '1'],
  ['bytea_output', 'hex'],
  ['xmlbinary', 'base64'],
  ['lc_monetary', 'C'],
  ['standard_conforming_strings', 'on'],
  ['row_security', 'on'],
  ['lock_timeout', '30s'],
  // A pin waits while others read; nothing else of ours waits inside a transaction.
  ['idle_in_transaction_session_timeout', '0'],
] as const

/** A session of ours in Postgres. */
export type Session = {
  readonly client: pg.Client
  readonly socket: Duplex
  /** Stops the statement at work, as far as the server listens, and closes the connection. */
  cancel(): Promise<void>
  /** Closes the connection; safe to repeat. */
  end(): Promise<void>
}

/** Connects, logs in and settles the session. Throws `WarehouseError`, `NetError`, or the signal's reason. */
export async function connectPostgres(parts: ConnectParts, statementMs: number, signal: AbortSignal): Promise<Session> {
  const { options, password, applicationName } = parts
  const socket = await openSocket(parts, signal)
  const client = new pg.Client({
    host: options.host,
    port: options.port,
    database: options.database,
    user: options.user,
    password,
    application_name: applicationName.slice(0, 63),
    // Encrypted already: the driver is handed the secured stream.
    ssl: false,
    stream: () => asConnecting(socket),
    enableChannelBinding: true,
    connectionTimeoutMillis: greetingMs,
  })
  // The driver reports a lost connection here and to the statement at work; the latter is who acts on it.
  client.on('error', () => undefined)
  const session = sessionOf(parts, client, socket)
  try {
    await client.connect()
    const settings = [...sessionSettings, ['statement_timeout', `${statementMs}`]]
    const sql = settings.map((_, i) => `set_config($${2 * i + 1}, $${2 * i + 2}, false)`).join(', ')
    await client.query(`SELECT ${sql}`, settings.flat())
    await checkEncoding(client)
    return session
  } catch (error) {
    await session.end()
    throw postgresError(error)
  }
}

async function checkEncoding(client: pg.Client): Promise<void> {
  const { rows } = await client.query(
    `SELECT current_setting('server_encoding') AS encoding, current_setting('server_version_num')::int AS version`,
  )
  const { encoding, version } = rows[0] as { encoding: string; version: number }
  if (encoding === 'SQL_ASCII') throw postgresError({ code: 'millrace_sql_ascii' })
  if (version < 140_000) throw postgresError({ code: 'millrace_too_old' })
  // The server looks now and then whether we are still there, also while it sorts for minutes (Linux servers only).
  await client.query(`SELECT set_config('client_connection_check_interval', '5s', false)`).catch(() => undefined)
}

function sessionOf(parts: ConnectParts, client: pg.Client, socket: TLSSocket): Session {
  const end = async () => {
    if (socket.destroyed) return
    const closed = once(socket, 'close')
    const force = setTimeout(() => socket.destroy(), 1000)
    client.end().catch(() => undefined)
    await closed
    clearTimeout(force)
  }
  return {
    client,
    socket,
    end,
    async cancel() {
      const { processID, secretKey } = client as unknown as { processID: number | null; secretKey: number | null }
      socket.destroy()
      if (processID !== null && secretKey !== null) await sendCancel(parts, processID, secretKey).catch(() => undefined)
    },
  }
}

/** The protocol's request to stop a statement, which comes over a connection of its own. */
async function sendCancel(parts: ConnectParts, processId: number, secretKey: number): Promise<void> {
  const socket = await openSocket(parts, AbortSignal.timeout(greetingMs))
  const request = Buffer.alloc(16)
  request.writeInt32BE(16, 0)
  request.writeInt32BE(80_877_102, 4)
  request.writeInt32BE(processId, 8)
  request.writeInt32BE(secretKey, 12)
  socket.end(request)
  setTimeout(() => socket.destroy(), 1000).unref()
}

async function openSocket({ options, policy, tunnel }: ConnectParts, signal: AbortSignal): Promise<TLSSocket> {
  const plain = tunnel ? await tunnel.open(signal) : await connectTcp(options.host, options.port, policy, signal)
  await requestTls(plain, signal)
  const secured = await startTls(plain, {
    name: options.host,
    mode: options.sslMode,
    ca: options.caCertificate,
    signal,
  })
  secured.setKeepAlive(true, keepAliveMs)
  return secured
}

/** SSLRequest: one byte comes back, S or N. https://www.postgresql.org/docs/18/protocol-flow.html#PROTOCOL-FLOW-SSL */
async function requestTls(socket: Duplex, signal: AbortSignal): Promise<void> {
  const request = Buffer.alloc(8)
  request.writeInt32BE(8, 0)
  request.writeInt32BE(80_877_103, 4)
  const timeout = AbortSignal.any([signal, AbortSignal.timeout(greetingMs)])
  try {
    const answer = once(socket, 'data', { signal: timeout })
    const closed = once(socket, 'close', { signal: timeout }).then(() => [Buffer.alloc(0)])
    socket.write(request)
    const [bytes] = (await Promise.race([answer, closed])) as [Buffer]
    closed.catch(() => undefined)
    answer.catch(() => undefined)
    socket.pause()
    // More than one byte before the handshake could only have been slipped in by somebody on the way (CVE-2021-23222).
    if (bytes.length === 1 && bytes[0] === 83) return
    if (bytes.length === 1 && bytes[0] === 78) throw tlsRequired()
    throw bytes.length === 0 ? unreachable('host_unreachable') : notPostgres()
  } catch (error) {
    socket.destroy()
    signal.throwIfAborted()
    throw error instanceof NetError ? error : unreachable('host_unreachable', error)
  }
}

function tlsRequired(): NetError {
  return new NetError(
    'tls_required',
    'The server does not offer encrypted connections (TLS).',
    'Set ssl = on in postgresql.conf with a certificate; Millrace does not send passwords or rows in plain text.',
  )
}

function notPostgres(): NetError {
  return new NetError('tls_failed', 'What answers at this host and port is no Postgres server.', 'Check host and port.')
}

/** The driver wants to connect its stream itself; this one is connected, and says so when asked. */
function asConnecting(socket: TLSSocket): TLSSocket {
  return Object.assign(socket, {
    connect: () => {
      process.nextTick(() => socket.emit('connect'))
      return socket
    },
  })
}
