import type { Stack } from '@millrace/local-stack/stack.ts'
import pg from 'pg'

const askMs = 2_000

/** Asks the control store itself how many rows of a run are loaded: the services, and the store too, may be away. */
export type LoadedRows = {
  /** Undefined when the store does not answer. */
  of(runId: string): Promise<number | undefined>
  close(): Promise<void>
}

export function openLoadedRows(stack: Stack): LoadedRows {
  const pool = new pg.Pool({
    connectionString: stack.servers.postgres.url,
    max: 1,
    connectionTimeoutMillis: askMs,
    query_timeout: askMs,
  })
  pool.on('error', () => undefined) // the server is killed in between; the next question opens another connection
  return {
    async of(runId) {
      try {
        const { rows } = await pool.query(
          'SELECT coalesce(sum(rows), 0)::float8 AS rows FROM run_progress WHERE run_id = $1',
          [runId],
        )
        return rows[0].rows
      } catch {
        return undefined
      }
    },
    close: () => pool.end(),
  }
}
