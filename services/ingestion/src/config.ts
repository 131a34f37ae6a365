import type { EnvReader } from '@millrace/telemetry/config.ts'

/** The configuration of services/ingestion, from the environment. */
export function ingestionConfig(read: EnvReader) {
  return {
    dataDir: read.text('MILLRACE_DATA_DIR'),
    operatorToken: read.secret('MILLRACE_OPERATOR_TOKEN'),
    host: read.text('MILLRACE_HOST', { default: '127.0.0.1' }),
    port: read.integer('MILLRACE_PORT', { default: 0, max: 65_535 }),
    portFile: read.optional('MILLRACE_PORT_FILE'),
    /** PEM files; with both the public port speaks TLS only. */
    tlsCertificateFile: read.optional('MILLRACE_TLS_CERT_FILE'),
    tlsKeyFile: read.optional('MILLRACE_TLS_KEY_FILE'),
    adminPort: read.integer('MILLRACE_ADMIN_PORT', { default: 0, max: 65_535 }),
    adminPortFile: read.optional('MILLRACE_ADMIN_PORT_FILE'),
    /** DuckDB's memory for one project, and the projects that are open at a time. */
    duckdbMemoryMb: read.integer('MILLRACE_DUCKDB_MEMORY_MB', { default: 80, min: 64 }),
    openProjectsMax: read.integer('MILLRACE_OPEN_PROJECTS', { default: 2, min: 1 }),
    segmentBytesMax: read.integer('MILLRACE_SEGMENT_BYTES', { default: 80 * 1024 * 1024, min: 4096 }),
    /** Sealed segments of a project that may wait for DuckDB; beyond them requests get a 503. */
    backlogSegmentsMax: read.integer('MILLRACE_BACKLOG_SEGMENTS', { default: 64, min: 1 }),
    /** How often the background work of a project looks for something to do. */
    tickMs: read.integer('MILLRACE_TICK_MS', { default: 1000, min: 10 }),
    /** Request bodies in work at a time, as sent. */
    inFlightBytesMax: read.integer('MILLRACE_IN_FLIGHT_BYTES', { default: 64 * 1024 * 1024, min: 1024 * 1024 }),
    lookupBytesMax: read.integer('MILLRACE_LOOKUP_BYTES', { default: 64 * 1024 * 1024, min: 1024 }),
    queryMs: read.integer('MILLRACE_QUERY_MS', { default: 30_000, min: 1 }),
  }
}

export type IngestionConfig = ReturnType<typeof ingestionConfig>
