import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts'

/** One real broker behind a fault proxy; clients cannot get round it, since the broker advertises the proxy's port. */
export type FaultyBroker = {
  readonly address: string
  readonly proxy: TcpProxy
  /** kill -9. */
  kill(): Promise<void>
  start(): Promise<void>
  close(): Promise<void>
}

/**
 * The folder with Kafka's jars: MILLRACE_KAFKA_LIBS, else the one that the local set-up has put into the cache; null when
 * there is none, so that a test can say that it was skipped.
 */
export function findKafkaJars(env: NodeJS.ProcessEnv = process.env): string | null {
  if (env.MILLRACE_KAFKA_LIBS) return env.MILLRACE_KAFKA_LIBS
  const cache = env.MILLRACE_CACHE || join(homedir(), '.cache/millrace')
  try {
    const name = readdirSync(cache).find((entry) => /^kafka-[0-9a-f]+$/.test(entry))
    return name ? join(cache, name) : null
  } catch {
    return null // no cache: nothing was set up on this machine
  }
}

/** Formats and starts a broker of its own on free ports, in a temporary folder that `close` removes. */
export async function startFaultyBroker(jars: string): Promise<FaultyBroker> {
  const folder = await mkdtemp(join(tmpdir(), 'broker-'))
  const [port, controllerPort] = await Promise.all([freePort(), freePort()])
  const proxy = await startTcpProxy({ target: { host: '127.0.0.1', port } })
  const properties = join(folder, 'server.properties')
  await writeFile(properties, describeBroker(folder, port, controllerPort, proxy.port))
  const java = ['-Xmx512m', '-cp', `${jars}/*`]
  const clusterId = randomBytes(16).toString('base64url')
  const formatted = spawnSync('java', [...java, 'kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', properties])
  if (formatted.status !== 0) throw new Error(`Kafka's storage could not be formatted: ${formatted.stderr}`)

  let child: ChildProcess | null = null
  async function start(): Promise<void> {
    const started = spawn('java', [...java, 'kafka.Kafka', properties], { stdio: 'ignore' })
    child = started
    while (!(await accepts(port))) {
      if (started.exitCode !== null) throw new Error(`Kafka ended with ${started.exitCode}`)
      await sleep(100)
    }
  }
  async function kill(): Promise<void> {
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
  await start()
  return {
    address: `127.0.0.1:${proxy.port}`,
    proxy,
    kill,
    start,
    async close() {
      await kill()
      await proxy.close()
      await rm(folder, { recursive: true })
    },
  }
}

function describeBroker(folder: string, port: number, controllerPort: number, advertisedPort: number): string {
  return `
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${controllerPort}
listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}
advertised.listeners=PLAINTEXT://127.0.0.1:${advertisedPort}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=${folder}/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
auto.create.topics.enable=false
`
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
