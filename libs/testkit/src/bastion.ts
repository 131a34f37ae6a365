import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import ssh2 from 'ssh2'

export type Bastion = {
  readonly port: number
  readonly user: string
  /** OpenSSH text of the key that is let in. */
  readonly privateKey: string
  /** `SHA256:…` of the key that the bastion shows. */
  readonly hostKey: string
  /** Targets that were asked for, as `host:port`. */
  readonly asked: readonly string[]
  /** Ends all connections now. */
  cut(): void
  close(): Promise<void>
}

/**
 * An SSH server on loopback that lets one key in and does nothing but direct-tcpip; `silent`: it never says whether the
 * target was reached. A new host key with every start.
 */
export async function startBastion(port = 0, { silent = false } = {}): Promise<Bastion> {
  const hostKeys = keyPair()
  const userKeys = keyPair()
  const allowed = parsed(userKeys.public)
  const asked: string[] = []
  const clients = new Set<ssh2.Connection>()
  const server = new ssh2.Server({ hostKeys: [hostKeys.private] }, (client) => {
    clients.add(client)
    client.on('close', () => clients.delete(client))
    client.on('error', () => client.end())
    client.on('authentication', (context) => letIn(context, allowed))
    client.on('tcpip', (accept, reject, { destIP, destPort }) => {
      asked.push(`${destIP}:${destPort}`)
      if (!silent) forward(accept, reject, destIP, destPort)
    })
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    user: 'tunnel',
    privateKey: userKeys.private,
    hostKey: `SHA256:${createHash('sha256').update(parsed(hostKeys.public).getPublicSSH()).digest('base64').replace(/=+$/, '')}`,
    asked,
    cut: () => {
      for (const client of clients) client.end()
    },
    async close() {
      for (const client of clients) client.end()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

/** ssh2 1.17 makes one ed25519 pair in some hundreds that it cannot read itself. */
function keyPair(): ReturnType<typeof ssh2.utils.generateKeyPairSync> {
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync('ed25519')
    const keys = [ssh2.utils.parseKey(pair.public), ssh2.utils.parseKey(pair.private)]
    if (!keys.some((key) => key instanceof Error)) return pair
  }
}

function parsed(publicKey: string): ssh2.ParsedKey {
  const key = ssh2.utils.parseKey(publicKey)
  if (key instanceof Error) throw key
  return key
}

function letIn(context: ssh2.AuthContext, allowed: ssh2.ParsedKey): void {
  if (context.method !== 'publickey' || context.username !== 'tunnel') {
    context.reject(['publickey'])
    return
  }
  const isKnown = context.key.data.equals(allowed.getPublicSSH())
  const { signature, blob } = context
  // Without a signature the client only asks whether the key would do.
  if (isKnown && (!signature || (blob && allowed.verify(blob, signature, context.hashAlgo) === true))) context.accept()
  else context.reject()
}

function forward(accept: () => ssh2.ServerChannel, reject: () => void, host: string, port: number): void {
  const socket = connect(port, host)
  socket.once('error', () => reject())
  socket.once('connect', () => {
    const channel = accept()
    channel.on('error', () => socket.destroy())
    channel.on('close', () => socket.destroy())
    socket.removeAllListeners('error').on('error', () => channel.end())
    socket.pipe(channel).pipe(socket)
  })
}
