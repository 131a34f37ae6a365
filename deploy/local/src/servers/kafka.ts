import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { freePort } from './free-port.ts'
import { type InstalledTools, installedTools } from './installed-tools.ts'
import { type Server, startServer } from './server-process.ts'
import { until } from './until.ts'

const READY_MS = 60_000

/**
 * A broker copies bytes, and checks them with code that is native anyway: compiling it well costs more than it brings on
 * one machine, and to G1 every request over half a megabyte is a huge object that calls for another marking. Measured end to
 * end on two cores, CPU s per million records of the first and the second run: G1 7.4 to 9.1 and 3.6 to 7.6, parallel
 * 4.3 and 3.6, serial 4.5 and 3.5, serial without the second compiler 3.0 and 1.9.
 */
const JVM_FLAGS = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']

export type KafkaOptions = {
  /** Data of the broker, kept over restarts. */
  readonly dir: string
  readonly port?: number
  readonly controllerPort?: number
  /** Default 768. */
  readonly heapMb?: number
  /** What clients are told to connect to, when a proxy stands before the broker; default its own address. */
  readonly advertised?: string
  /** More lines of server.properties, or other values for those set here. */
  readonly properties?: Readonly<Record<string, string>>
  readonly tools?: InstalledTools
}

export type KafkaServer = Server & { readonly brokers: string; readonly port: number }

/** Starts one real Kafka broker (KRaft, broker and controller in one) on loopback and waits until it serves. */
export async function startKafka(options: KafkaOptions): Promise<KafkaServer> {
  const { dir, heapMb = 768, tools = installedTools() } = options
  const port = options.port ?? (await freePort())
  const controllerPort = options.controllerPort ?? (await freePort())
  mkdirSync(dir, { recursive: true })
  const properties = path.join(dir, 'server.properties')
  const logging = path.join(dir, 'log4j2.xml')
  const data = path.join(dir, 'data')
  const own = brokerProperties({ data, port, controllerPort, advertised: options.advertised ?? `127.0.0.1:${port}` })
  writeFileSync(properties, formatProperties({ ...own, ...options.properties }))
  writeFileSync(logging, LOG4J)
  const java = [
    `-Xmx${heapMb}m`,
    '-Xshare:auto',
    ...JVM_FLAGS,
    `-Dlog4j2.configurationFile=${logging}`,
    '-cp',
    path.join(tools.kafkaLibs, '*'),
  ]
  if (!existsSync(path.join(data, 'meta.properties'))) await formatStorage(tools.java, java, properties)
  const server = await startServer({
    name: 'kafka',
    dir,
    launch: () => ({ command: tools.java, args: [...java, 'kafka.Kafka', properties] }),
    ready: ({ logSince, signal }) =>
      until(() => logSince().includes('Kafka Server started'), { timeoutMs: READY_MS, what: 'Kafka', signal }),
  })
  return Object.assign(server, { brokers: options.advertised ?? `127.0.0.1:${port}`, port })
}

async function formatStorage(java: string, flags: readonly string[], properties: string): Promise<void> {
  const clusterId = randomBytes(16).toString('base64url')
  // With '=', since an id may begin with '-'.
  const format = ['kafka.tools.StorageTool', 'format', `--cluster-id=${clusterId}`, '-c', properties]
  await promisify(execFile)(java, [...flags, ...format])
}

type BrokerPlace = { data: string; port: number; controllerPort: number; advertised: string }

function brokerProperties({ data, port, controllerPort, advertised }: BrokerPlace): Record<string, string> {
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://${advertised}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': data,
    'auto.create.topics.enable': 'false',
    'message.max.bytes': String(8 * 1024 * 1024),
    'replica.fetch.max.bytes': String(8 * 1024 * 1024),
    // One broker: what Kafka keeps for itself cannot have the three copies it asks for by default.
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '4',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    'share.coordinator.state.topic.num.partitions': '4',
    // A cluster waits three seconds for more members of a new group; on one machine nobody else comes.
    'group.initial.rebalance.delay.ms': '0',
    'group.min.session.timeout.ms': '1000',
  }
}

function formatProperties(properties: Readonly<Record<string, string>>): string {
  const lines = Object.entries(properties).map(([key, value]) => `${key}=${value.replaceAll('\\', '\\\\')}`)
  return `${lines.join('\n')}\n`
}

const LOG4J = `<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="warn" shutdownHook="disable">
  <Appenders>
    <Console name="out"><PatternLayout pattern="%d{ISO8601} %p %c{1} %m%n"/></Console>
  </Appenders>
  <Loggers>
    <Logger name="kafka.server.KafkaRaftServer" level="info"/>
    <Logger name="kafka.server.BrokerServer" level="info"/>
    <Root level="warn"><AppenderRef ref="out"/></Root>
  </Loggers>
</Configuration>
`
