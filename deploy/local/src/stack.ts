import { randomBytes } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { type ApiClient, createApiClient } from './api-client.ts'
import { installedTools } from './servers/installed-tools.ts'
import { type KafkaServer, startKafka } from './servers/kafka.ts'
import { type PostgresServer, startPostgres } from './servers/postgres.ts'
import { type RedisServer, startRedis } from './servers/redis.ts'
import { type RegistryServer, startRegistry } from './servers/registry.ts'
import type { Server } from './servers/server-process.ts'
import { type ServiceName, type ServiceProcess, serviceNames, startServiceProcess } from './service-process.ts'
import { nodeFlags, serviceEnv } from './service-settings.ts'
import { closeStackState, openStackState, type StackState } from './stack-state.ts'

export type StackOptions = {
  /** State folder: data, logs, ports, secrets. Kept when the stack stops. */
  readonly dir: string
  /** Begin from nothing: what the folder holds is removed first. */
  readonly fresh?: boolean
  /** Kafka partitions of every topic; default 12. Fixed for the life of the state folder. */
  readonly partitions?: number
  /** Processes per service; default 1 of each. Without control-api nobody prepares the control store. */
  readonly counts?: Partial<Record<ServiceName, number>>
  /** More environment per service. */
  readonly env?: Partial<Record<ServiceName, Readonly<Record<string, string>>>>
  /** Heap of the broker, MB; default 768. */
  readonly kafkaHeapMb?: number
  /** Heap of each service, MB; default 256. */
  readonly serviceHeapMb?: number
  /** More flags of Node per service, such as `--cpu-prof`. */
  readonly nodeFlags?: Partial<Record<ServiceName, readonly string[]>>
  /** Told about each step in one line. */
  readonly say?: (line: string) => void
}

export type AddServiceOptions = {
  readonly env?: Readonly<Record<string, string>>
  /** Only for the first life of the process, such as MILLRACE_FAILPOINTS. */
  readonly firstLifeEnv?: Readonly<Record<string, string>>
}

/** A whole Millrace on this machine. */
export type Stack = {
  readonly dir: string
  readonly addresses: StackAddresses
  /** The control API, as the bootstrap account. */
  readonly api: ApiClient
  readonly bootstrap: { readonly username: string; readonly secret: string }
  readonly operatorToken: string
  readonly servers: {
    readonly postgres: PostgresServer
    readonly kafka: KafkaServer
    readonly registry: RegistryServer
    readonly redis: RedisServer
  }
  /** All running and killed service processes, in the order of their start. */
  services(): readonly ServiceProcess[]
  /** One process of a service, counted from 0. */
  service(name: ServiceName, index?: number): ServiceProcess
  /** Starts one more process of a service. */
  addService(name: ServiceName, options?: AddServiceOptions): Promise<ServiceProcess>
  /** Ends everything in order: no process is left. May be called twice. */
  stop(): Promise<void>
}

export type StackAddresses = {
  readonly api: string
  readonly docs: string
  readonly ingestion: string
  readonly kafka: string
  readonly registry: string
  readonly redis: string
  readonly storePort: number
}

const BOOTSTRAP_USER = 'owner'

/** Starts a whole Millrace on free loopback ports and waits until every part is ready. Ends what it started when one part is not. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const { dir, say = () => undefined } = options
  // Told before anything is started, not in the middle.
  installedTools()
  if (options.fresh) await removeState(dir)
  const state = await openStackState(dir)
  const started: Server[] = []
  try {
    return await start(state, options, started, say)
  } catch (error) {
    await stopAll(started)
    closeStackState(dir)
    throw error
  }
}

async function start(
  state: StackState,
  options: StackOptions,
  started: Server[],
  say: (line: string) => void,
): Promise<Stack> {
  say('starting Postgres, Kafka, the schema registry and Redis')
  const servers = await startServers(state, options, started)
  const launcher = await createLauncher(state, options, servers, say)
  const services: ServiceProcess[] = []
  const launch = async (name: ServiceName, more: AddServiceOptions = {}) => {
    const process = await launcher.launch(name, more)
    started.push(process)
    services.push(process)
    return process
  }
  const wanted = serviceNames.flatMap((name) => Array.from({ length: options.counts?.[name] ?? 1 }, () => name))
  // First the one that brings the control store to its newest shape.
  for (const group of [
    wanted.filter((name) => name === 'control-api'),
    wanted.filter((name) => name !== 'control-api'),
  ]) {
    if (group.length === 0) continue
    say(`starting ${group.join(', ')}`)
    await settle(group.map((name) => launch(name)))
  }

  let stopping: Promise<void> | undefined
  return {
    dir: state.dir,
    addresses: launcher.addresses,
    api: createApiClient({ baseUrl: launcher.addresses.api, ...launcher.bootstrap }),
    bootstrap: launcher.bootstrap,
    operatorToken: state.secret('operator-token'),
    servers,
    services: () => services,
    service(name, index = 0) {
      const found = services.find((process) => process.service === name && process.index === index)
      if (found === undefined) throw new Error(`The stack has no ${name} ${index}`)
      return found
    },
    addService: launch,
    stop() {
      stopping ??= stopAll(started).finally(() => closeStackState(state.dir))
      return stopping
    },
  }
}

async function startServers(state: StackState, options: StackOptions, started: Server[]): Promise<Stack['servers']> {
  const { kafkaHeapMb } = options
  const track = async <T extends Server>(server: Promise<T>): Promise<T> => {
    const running = await server
    started.push(running)
    return running
  }
  const ports = {
    postgres: await state.port('postgres'),
    kafka: await state.port('kafka'),
    controller: await state.port('kafka-controller'),
    registry: await state.port('registry'),
    redis: await state.port('redis'),
  }
  const kafka = { dir: state.folder('kafka'), port: ports.kafka, controllerPort: ports.controller }
  const [postgres, broker, registry, redis] = await settle([
    track(
      startPostgres({ dir: state.folder('postgres'), port: ports.postgres, password: state.secret('store-password') }),
    ),
    track(startKafka({ ...kafka, heapMb: kafkaHeapMb })),
    track(startRegistry({ dir: state.folder('registry'), port: ports.registry })),
    track(startRedis({ dir: state.folder('redis'), port: ports.redis })),
  ] as const)
  return { postgres, kafka: broker, registry, redis }
}

/** What starts service processes on the given servers; knows their ports, files and environment. */
async function createLauncher(
  state: StackState,
  options: StackOptions,
  servers: Stack['servers'],
  say: (line: string) => void,
) {
  const bootstrap = { username: BOOTSTRAP_USER, secret: state.secret('bootstrap-secret') }
  const storeUrlFile = state.secretFile('store-url')
  writeFileSync(storeUrlFile, servers.postgres.url, { mode: 0o600 })
  const ports = { api: await state.port('control-api'), ingestion: await state.port('ingestion') }
  const shared = {
    brokers: servers.kafka.brokers,
    registryUrl: servers.registry.url,
    redisUrl: servers.redis.url,
    storeUrlFile,
    kekFile: state.secretFile('kek', newKek),
    operatorTokenFile: state.secretFile('operator-token'),
    bootstrapUser: bootstrap.username,
    bootstrapSecretFile: state.secretFile('bootstrap-secret'),
    partitions: options.partitions ?? 12,
  }
  const publicPorts: Partial<Record<ServiceName, number>> = { 'control-api': ports.api, ingestion: ports.ingestion }
  const api = `http://127.0.0.1:${ports.api}`
  const addresses: StackAddresses = {
    api,
    docs: `${api}/docs`,
    ingestion: `http://127.0.0.1:${ports.ingestion}`,
    kafka: servers.kafka.brokers,
    registry: servers.registry.url,
    redis: servers.redis.url,
    storePort: servers.postgres.port,
  }
  const counts = new Map<ServiceName, number>()

  async function launch(service: ServiceName, more: AddServiceOptions): Promise<ServiceProcess> {
    const index = counts.get(service) ?? 0
    counts.set(service, index + 1)
    const instance = `${service}-${index}`
    const adminPort = await state.port(`${instance}-admin`)
    const port = index === 0 ? publicPorts[service] : await state.port(`${instance}-public`)
    const env = serviceEnv(service, {
      ...shared,
      port,
      adminPort,
      instance,
      dataDir: path.join(state.dir, `${instance}-data`),
    })
    return await startServiceProcess({
      service,
      index,
      dir: state.folder('services'),
      adminPort,
      env: { ...env, ...options.env?.[service], ...more.env },
      firstLifeEnv: more.firstLifeEnv,
      nodeFlags: [...nodeFlags(options.serviceHeapMb ?? 256), ...(options.nodeFlags?.[service] ?? [])],
      say,
    })
  }
  return { launch, addresses, bootstrap }
}

/** Services first, so that they can drain into servers which still run. */
async function stopAll(started: readonly Server[]): Promise<void> {
  const isService = (server: Server) => 'service' in server
  await Promise.allSettled(started.filter(isService).map((server) => server.stop()))
  await Promise.allSettled(started.filter((server) => !isService(server)).map((server) => server.stop()))
}

async function removeState(dir: string): Promise<void> {
  // Taking it first ends what a killed predecessor left running in it.
  await openStackState(dir)
  rmSync(path.resolve(dir), { recursive: true, force: true })
}

/** A key file with one key; its grammar stands in libs/secrets. */
function newKek(): string {
  return `local:${randomBytes(32).toString('base64')}\n`
}

/** All results; when one fails the others are waited for, so that the caller can end what did start. */
async function settle<T extends readonly unknown[]>(work: { [K in keyof T]: Promise<T[K]> }): Promise<T> {
  await Promise.allSettled(work)
  return (await Promise.all(work)) as unknown as T
}
