import { createHash } from 'node:crypto'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import ssh2 from 'ssh2'
import { connectTcp } from './connect-tcp.ts'
import { hostName } from './host-name.ts'
import { NetError, unreachable } from './net-error.ts'
import { checkBehindBastion, type NetPolicy } from './net-policy.ts'

export type SshTunnelOptions = {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly privateKey: string
  readonly passphrase?: string
  /** Pinned fingerprint, `SHA256:…`. */
  readonly hostKey?: string
  /** Accept any key when none is pinned: the first test of a connection, which then shows and stores it. */
  readonly trustFirstKey: boolean
  /** The only host and port that the bastion is asked to connect to. */
  readonly target: { readonly host: string; readonly port: number }
}

const readyMs = 15_000
/** How long the bastion may take to reach the target. */
const forwardMs = 10_000
const keepaliveMs = 15_000
const keepaliveMissesMax = 3

const algorithms: ssh2.Algorithms = {
  kex: [
    'curve25519-sha256',
    'curve25519-sha256@libssh.org',
    'ecdh-sha2-nistp256',
    'ecdh-sha2-nistp384',
    'diffie-hellman-group16-sha512',
  ],
  serverHostKey: ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'rsa-sha2-512', 'rsa-sha2-256'],
  cipher: ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com', 'aes128-ctr', 'aes256-ctr'],
  hmac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com', 'hmac-sha2-256', 'hmac-sha2-512'],
}

/**
 * One SSH connection to a bastion, through which streams to one target are opened (direct-tcpip, inside this process:
 * no port listens anywhere, no agent is forwarded). Connects again by itself after the connection is lost.
 */
export class SshTunnel {
  readonly #options: SshTunnelOptions
  readonly #policy: NetPolicy
  #client: Promise<ssh2.Client> | null = null
  /** Fingerprint of the key that the bastion showed last. */
  hostKey: string | null = null

  constructor(options: SshTunnelOptions, policy: NetPolicy) {
    this.#options = options
    this.#policy = policy
  }

  /** A stream to the target. Throws `NetError`, or the signal's reason. */
  async open(signal: AbortSignal): Promise<Duplex> {
    const { target } = this.#options
    const name = hostName(target.host)
    if (name === null)
      throw new NetError('host_invalid', 'The host is no host name.', 'Give a host name such as db.internal.')
    checkBehindBastion(name, target.port, this.#policy)
    const client = await this.#connected(signal)
    return await forward(client, { host: name, port: target.port }, signal)
  }

  async close(): Promise<void> {
    const client = await this.#client?.catch(() => null)
    this.#client = null
    client?.end()
  }

  #connected(signal: AbortSignal): Promise<ssh2.Client> {
    if (this.#client) return this.#client
    const connecting = this.#connect(signal)
    this.#client = connecting
    const forget = () => {
      if (this.#client === connecting) this.#client = null
    }
    connecting.then((client) => client.once('close', forget), forget)
    return connecting
  }

  async #connect(signal: AbortSignal): Promise<ssh2.Client> {
    const { host, port, privateKey, passphrase } = this.#options
    if (ssh2.utils.parseKey(privateKey, passphrase) instanceof Error) {
      throw new NetError(
        'ssh_key_invalid',
        'The private key for the bastion cannot be read.',
        'Paste an OpenSSH or PEM private key, and its passphrase when it has one.',
      )
    }
    const socket = await connectTcp(host, port, this.#policy, signal)
    return await this.#handshake(socket)
  }

  #handshake(socket: Socket): Promise<ssh2.Client> {
    const { user, privateKey, passphrase } = this.#options
    const client = new ssh2.Client()
    let refused: NetError | null = null
    return new Promise<ssh2.Client>((resolve, reject) => {
      client.once('ready', () => resolve(client))
      client.on('error', (error: Error & { level?: string }) => {
        socket.destroy()
        reject(refused ?? sshError(error))
      })
      client.once('close', () => reject(refused ?? sshError(new Error('closed'))))
      client.connect({
        sock: socket,
        username: user,
        privateKey,
        passphrase,
        algorithms,
        readyTimeout: readyMs,
        keepaliveInterval: keepaliveMs,
        keepaliveCountMax: keepaliveMissesMax,
        hostVerifier: (key: Buffer) => {
          refused = this.#judgeHostKey(key)
          return refused === null
        },
      })
    })
  }

  #judgeHostKey(key: Buffer): NetError | null {
    const { hostKey, trustFirstKey } = this.#options
    const shown = `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`
    this.hostKey = shown
    if (hostKey === shown) return null
    if (hostKey !== undefined) {
      return new NetError(
        'ssh_host_key_changed',
        `The bastion shows another key (${shown}) than the one pinned (${hostKey}).`,
        'Ask whoever runs the bastion whether its key was changed; if so, store the new one with the source.',
      )
    }
    if (trustFirstKey) return null
    return new NetError(
      'ssh_host_key_unknown',
      'The key of the bastion is not pinned yet.',
      'Test the connection, and store the key that the test shows as sshTunnel.hostKey.',
    )
  }
}

/** Asks the bastion for a stream to the target, in bounded time: it may try a host that never answers for minutes. */
function forward(
  client: ssh2.Client,
  target: SshTunnelOptions['target'],
  signal: AbortSignal,
): Promise<ssh2.ClientChannel> {
  return new Promise((resolve, reject) => {
    const end = (error: unknown) => {
      settle()
      reject(error)
    }
    const onAbort = () => end(signal.reason)
    const timer = setTimeout(() => end(unreachable('host_unreachable')), forwardMs)
    let settled = false
    const settle = () => {
      settled = true
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) return onAbort()
    client.forwardOut('127.0.0.1', 0, target.host, target.port, (error, channel) => {
      // Whoever uses the stream sees its end; an error event that nobody awaits must not end the process.
      channel?.on('error', () => undefined)
      if (settled) return void channel?.close()
      if (error) return end(unreachable('host_unreachable', error))
      settle()
      resolve(channel)
    })
  })
}

function sshError(error: Error & { level?: string }): NetError {
  if (error.level === 'client-authentication') {
    return new NetError(
      'ssh_authentication_failed',
      'The bastion does not accept the user or the private key.',
      'Add the public key to the user’s authorized_keys on the bastion.',
      { cause: error },
    )
  }
  return new NetError(
    'ssh_failed',
    'The connection to the bastion failed.',
    'Host and port must be those of an SSH server (OpenSSH 7 or later) that allows TCP forwarding.',
    { cause: error },
  )
}
