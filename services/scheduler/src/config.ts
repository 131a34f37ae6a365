import type { EnvReader } from '@millrace/telemetry/config.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs

/** The scheduler's configuration, from the environment. */
export function schedulerConfig(read: EnvReader) {
  return {
    storeUrl: read.secret('MILLRACE_STORE_URL'),
    adminPort: read.integer('MILLRACE_ADMIN_PORT', { default: 0, max: 65_535 }),
    adminPortFile: read.optional('MILLRACE_ADMIN_PORT_FILE'),
    /** How long the others wait for a scheduler that has died. */
    leaseMs: read.integer('MILLRACE_LEASE_MS', { default: 5000, min: 500 }),
    /** A run of which nothing moves for this long has failed. */
    stuckMs: read.integer('MILLRACE_RUN_STUCK_MS', { default: 6 * hourMs, min: 1000 }),
    /** Counters per chunk and partition are kept for this long after a run's end; its totals stay. */
    keepDetailsMs: read.integer('MILLRACE_KEEP_DETAILS_MS', { default: 30 * dayMs, min: 0 }),
    keepRejectsMs: read.integer('MILLRACE_KEEP_REJECTS_MS', { default: 90 * dayMs, min: 0 }),
  }
}

export type SchedulerConfig = ReturnType<typeof schedulerConfig>
