import { availableParallelism } from 'node:os'
import type { ServiceName } from './service-process.ts'

export type ServiceSettings = {
  readonly brokers: string
  readonly registryUrl: string
  readonly redisUrl: string
  readonly storeUrlFile: string
  readonly kekFile: string
  readonly operatorTokenFile: string
  readonly bootstrapUser: string
  readonly bootstrapSecretFile: string
  readonly partitions: number
  /** Public port of the services that have one. */
  readonly port?: number
  readonly adminPort: number
  readonly instance: string
  /** For what the service keeps or spools on disk. */
  readonly dataDir: string
}

// Loopback only: everything of a one-machine stack is there, its source and its destination included.
const ALLOWED_CIDRS = '127.0.0.0/8,::1/128'

/** The environment of one service of a one-machine stack. */
export function serviceEnv(service: ServiceName, settings: ServiceSettings): Record<string, string> {
  const common = {
    MILLRACE_INSTANCE: settings.instance,
    MILLRACE_HOST: '127.0.0.1',
    MILLRACE_ADMIN_PORT: String(settings.adminPort),
    MILLRACE_ALLOWED_CIDRS: ALLOWED_CIDRS,
    // The stack ends its servers right after its services.
    MILLRACE_DRAIN_MS: '10000',
    UV_THREADPOOL_SIZE: String(Math.max(2, availableParallelism())),
    // glibc keeps one heap per thread, and memory freed in one is of no use to the others.
    MALLOC_ARENA_MAX: '2',
  }
  const store = { MILLRACE_STORE_URL_FILE: settings.storeUrlFile, MILLRACE_KEK_FILE: settings.kekFile }
  const pipeline = {
    MILLRACE_KAFKA_BROKERS: settings.brokers,
    MILLRACE_REGISTRY_URL: settings.registryUrl,
    MILLRACE_PARTITIONS: String(settings.partitions),
  }
  const port: Record<string, string> = settings.port === undefined ? {} : { MILLRACE_PORT: String(settings.port) }
  switch (service) {
    case 'control-api':
      return {
        ...common,
        ...store,
        ...pipeline,
        ...port,
        MILLRACE_REDIS_URL: settings.redisUrl,
        MILLRACE_PUBLIC_URL: `http://127.0.0.1:${settings.port}`,
        MILLRACE_BOOTSTRAP_ACCOUNT: settings.bootstrapUser,
        MILLRACE_BOOTSTRAP_SECRET_FILE: settings.bootstrapSecretFile,
      }
    case 'scheduler':
      return { ...common, ...store, ...pipeline }
    case 'extractor':
      return { ...common, ...store, ...pipeline, MILLRACE_WAREHOUSE: 'postgres' }
    case 'transformer':
      return { ...common, ...store, ...pipeline, MILLRACE_WAREHOUSES: 'postgres' }
    case 'loader':
      return {
        ...common,
        ...store,
        ...pipeline,
        MILLRACE_REDIS_URL: settings.redisUrl,
        MILLRACE_SPOOL_DIR: settings.dataDir,
      }
    case 'ingestion':
      return {
        ...common,
        ...port,
        MILLRACE_DATA_DIR: settings.dataDir,
        MILLRACE_OPERATOR_TOKEN_FILE: settings.operatorTokenFile,
      }
  }
}

/** Flags of Node that keep a service under 512 MB of resident memory, buffers outside of the heap included. */
export function nodeFlags(heapMb: number): string[] {
  return [
    `--max-old-space-size=${heapMb}`,
    // Batches live for a second: a young generation that holds them spares the copies into the old one.
    '--max-semi-space-size=16',
    // Where every core has its work, threads that help the garbage collector only take turns with the rest and wait for
    // each other: measured end to end on two cores, 31 instead of 42 CPU s per million records, and half as fast again.
    '--single-threaded-gc',
    // Buffers count towards the limit at which a full collection starts, and a small heap has a small limit: with this one
    // 4 CPU s per million records less, in the same memory.
    '--initial-old-space-size=128',
    // Else every 64 MB of new buffers call for a full collection as well: 4 instead of 12 of them per million records in the
    // transformer, and 4 % less CPU of extractor, transformer and loader, in the same memory.
    '--external-memory-accounted-in-global-limit',
    '--disable-warning=TimeoutNegativeWarning',
  ]
}
