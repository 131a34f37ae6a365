import { lanes, warehouseKinds } from '@millrace/domain/words.ts'
import { compressions } from '@millrace/kafka/compression.ts'
import type { EnvReader } from '@millrace/telemetry/config.ts'

/** The transformer's configuration, from the environment. */
export function transformerConfig(read: EnvReader) {
  return {
    brokers: read.list('MILLRACE_KAFKA_BROKERS'),
    registryUrl: read.url('MILLRACE_REGISTRY_URL'),
    storeUrl: read.secret('MILLRACE_STORE_URL'),
    partitions: read.integer('MILLRACE_PARTITIONS', { min: 1, max: 10_000 }),
    /** Copies of each topic that this process makes; whoever starts first makes them. */
    replicas: read.integer('MILLRACE_REPLICAS', { default: 1, min: 1, max: 9 }),
    /** One consumer group each: a second process with the other lane scales apart. */
    lanes: read.choices('MILLRACE_LANES', lanes, { default: lanes }),
    warehouses: read.choices('MILLRACE_WAREHOUSES', warehouseKinds, { default: ['postgres'] }),
    compression: read.choice('MILLRACE_KAFKA_COMPRESSION', compressions, { default: 'zstd' }),
    adminPort: read.integer('MILLRACE_ADMIN_PORT', { default: 0, max: 65_535 }),
    adminPortFile: read.optional('MILLRACE_ADMIN_PORT_FILE'),
    sessionTimeoutMs: read.integer('MILLRACE_SESSION_TIMEOUT_MS', { default: 10_000, min: 1000 }),
    inFlightBytesMax: read.integer('MILLRACE_IN_FLIGHT_BYTES', { default: 32 * 1024 * 1024, min: 1 }),
  }
}

export type TransformerConfig = ReturnType<typeof transformerConfig>
