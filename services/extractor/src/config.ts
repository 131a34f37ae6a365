import { lanes, warehouseKinds } from '@millrace/domain/words.ts'
import { compressions } from '@millrace/kafka/compression.ts'
import { awsIdentity } from '@millrace/telemetry/aws-identity.ts'
import type { EnvReader } from '@millrace/telemetry/config.ts'

/** The extractor's configuration, from the environment. */
export function extractorConfig(read: EnvReader) {
  return {
    brokers: read.list('MILLRACE_KAFKA_BROKERS'),
    registryUrl: read.url('MILLRACE_REGISTRY_URL'),
    storeUrl: read.secret('MILLRACE_STORE_URL'),
    /** Keys with which the sources' secrets are opened. */
    kekFile: read.text('MILLRACE_KEK_FILE'),
    /** Private networks that an operator lets sources be in. */
    allowedCidrs: read.list('MILLRACE_ALLOWED_CIDRS', { default: [] }),
    /** An operator's own address of BigQuery's API instead of Google's. */
    bigQueryEndpoint: read.optional('MILLRACE_BIGQUERY_ENDPOINT'),
    bigQueryStorageEndpoint: read.optional('MILLRACE_BIGQUERY_STORAGE_ENDPOINT'),
    /** Folder whose folders of CSV files may be sources; without one there are none. */
    csvDir: read.optional('MILLRACE_CSV_DIR'),
    /** An operator's own address of AWS's STS, Redshift Data and S3 APIs instead of AWS's. */
    awsEndpoint: read.optional('MILLRACE_AWS_ENDPOINT'),
    /** An operator's own address of Snowflake's API instead of that of each account. */
    snowflakeEndpoint: read.optional('MILLRACE_SNOWFLAKE_ENDPOINT'),
    /** An operator's own address of Databricks' workspaces instead of each source's host. */
    databricksEndpoint: read.optional('MILLRACE_DATABRICKS_ENDPOINT'),
    /** Millrace's own AWS identity; without it the SDK finds one. */
    aws: awsIdentity(read),
    partitions: read.integer('MILLRACE_PARTITIONS', { min: 1, max: 10_000 }),
    /** Copies of each topic that this process makes; whoever starts first makes them. */
    replicas: read.integer('MILLRACE_REPLICAS', { default: 1, min: 1, max: 9 }),
    /** One kind per process: its drivers, its scaling and its failures are apart from the others'. */
    warehouse: read.choice('MILLRACE_WAREHOUSE', warehouseKinds),
    lanes: read.choices('MILLRACE_LANES', lanes, { default: lanes }),
    /** Tasks worked on at the same time. */
    taskLoops: read.integer('MILLRACE_TASK_LOOPS', { default: 2, min: 1, max: 64 }),
    /** Rows that a chunk aims at: the most that is read twice after a crash. */
    chunkRows: read.integer('MILLRACE_CHUNK_ROWS', { default: 250_000, min: 1 }),
    /** Rows of a table that is mirrored with checksums at Millrace (Postgres): larger ones are refused. */
    mirrorRowsMax: read.integer('MILLRACE_MIRROR_ROWS', { default: 10_000_000, min: 1 }),
    /** A task whose holder is silent for this long is another's. */
    leaseMs: read.integer('MILLRACE_LEASE_MS', { default: 15_000, min: 500 }),
    pollMs: read.integer('MILLRACE_POLL_MS', { default: 250, min: 10 }),
    /** Bytes of one run that may be published and not yet loaded. */
    inFlightBytesMax: read.integer('MILLRACE_IN_FLIGHT_BYTES', { default: 256 * 1024 * 1024, min: 1 }),
    batchRowsMax: read.integer('MILLRACE_BATCH_ROWS', { default: 500, min: 1 }),
    batchBytesMax: read.integer('MILLRACE_BATCH_BYTES', { default: 256 * 1024, min: 1 }),
    rowBytesMax: read.integer('MILLRACE_ROW_BYTES', { default: 2 * 1024 * 1024, min: 1, max: 4 * 1024 * 1024 }),
    compression: read.choice('MILLRACE_KAFKA_COMPRESSION', compressions, { default: 'zstd' }),
    adminPort: read.integer('MILLRACE_ADMIN_PORT', { default: 0, max: 65_535 }),
    adminPortFile: read.optional('MILLRACE_ADMIN_PORT_FILE'),
  }
}

export type ExtractorConfig = ReturnType<typeof extractorConfig>
