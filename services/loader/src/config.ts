import { tmpdir } from 'node:os'
import path from 'node:path'
import { lanes } from '@millrace/domain/words.ts'
import { compressions } from '@millrace/kafka/compression.ts'
import type { EnvReader } from '@millrace/telemetry/config.ts'

/** The loader's configuration, from the environment. */
export function loaderConfig(read: EnvReader) {
  return {
    brokers: read.list('MILLRACE_KAFKA_BROKERS'),
    registryUrl: read.url('MILLRACE_REGISTRY_URL'),
    storeUrl: read.secret('MILLRACE_STORE_URL'),
    redisUrl: read.secret('MILLRACE_REDIS_URL'),
    kekFile: read.text('MILLRACE_KEK_FILE'),
    /** Private networks that destinations may be in. */
    allowedCidrs: read.list('MILLRACE_ALLOWED_CIDRS', { default: [] }),
    partitions: read.integer('MILLRACE_PARTITIONS', { min: 1, max: 10_000 }),
    replicas: read.integer('MILLRACE_REPLICAS', { default: 1, min: 1, max: 9 }),
    /** One consumer group each: a second process with the other lane scales apart. */
    lanes: read.choices('MILLRACE_LANES', lanes, { default: lanes }),
    compression: read.choice('MILLRACE_KAFKA_COMPRESSION', compressions, { default: 'zstd' }),
    adminPort: read.integer('MILLRACE_ADMIN_PORT', { default: 0, max: 65_535 }),
    adminPortFile: read.optional('MILLRACE_ADMIN_PORT_FILE'),
    sessionTimeoutMs: read.integer('MILLRACE_SESSION_TIMEOUT_MS', { default: 10_000, min: 1000 }),
    /** Of messages taken and not recorded as done, all partitions of a lane together. */
    inFlightBytesMax: read.integer('MILLRACE_IN_FLIGHT_BYTES', { default: 24 * 1024 * 1024, min: 1 }),
    /** Fetched and not yet taken, all partitions of a lane together. */
    queueBytesMax: read.integer('MILLRACE_QUEUE_BYTES', { default: 8 * 1024 * 1024, min: 1 }),
    /** Lower than the destination's own limits, or without effect. */
    batchRecordsMax: read.integer('MILLRACE_BATCH_RECORDS', { default: 2000, min: 1, max: 2000 }),
    batchBytesMax: read.integer('MILLRACE_BATCH_BYTES', { default: 10 * 1024 * 1024, min: 1024 }),
    /** How long the first record of a batch waits for others; the end of a run is not waited for. */
    lingerMs: read.integer('MILLRACE_LINGER_MS', { default: 1000, min: 0 }),
    /** Requests in flight per partition. */
    requestsMax: read.integer('MILLRACE_REQUESTS_PER_PARTITION', { default: 3, min: 1, max: 64 }),
    /** Connections to one project's destination. */
    connectionsMax: read.integer('MILLRACE_DESTINATION_CONNECTIONS', { default: 10, min: 1, max: 256 }),
    retryBudgetMs: read.integer('MILLRACE_RETRY_BUDGET_MS', { default: 6 * 3_600_000, min: 1 }),
    retryMaxMs: read.integer('MILLRACE_RETRY_MAX_MS', { default: 60_000, min: 1 }),
    /** A destination that has only failed for this long is down, and its records are parked. */
    downAfterMs: read.integer('MILLRACE_DOWN_AFTER_MS', { default: 10_000, min: 0 }),
    recheckMs: read.integer('MILLRACE_RECHECK_MS', { default: 5000, min: 10 }),
    /** Loaders that share a project's rate while Redis is away. */
    loadersExpected: read.integer('MILLRACE_LOADERS_EXPECTED', { default: 2, min: 1 }),
    /** Lookup tables are gathered here; nothing in it need outlive the process. */
    spoolDir: read.text('MILLRACE_SPOOL_DIR', { default: path.join(tmpdir(), `millrace-loader-${process.pid}`) }),
  }
}

export type LoaderConfig = ReturnType<typeof loaderConfig>
