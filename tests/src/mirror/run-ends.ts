import { until } from '@millrace/local-stack/servers/until.ts'
import type { Stack } from '@millrace/local-stack/stack.ts'
import pg from 'pg'

/** Waits for the ends of many runs by asking the control store: the control API limits how often one may ask it. */
export type RunEnds = {
  /** Settles when the run has ended, however; rejects when it has not within `timeoutMs`. */
  of(runId: string, timeoutMs: number): Promise<void>
  close(): Promise<void>
}

export function openRunEnds(stack: Stack): RunEnds {
  const pool = new pg.Pool({ connectionString: stack.servers.postgres.url, max: 2 })
  pool.on('error', () => undefined) // the next question opens another connection
  const hasEnded = async (runId: string) => {
    const { rows } = await pool.query(
      "SELECT 1 FROM runs WHERE id = $1 AND state IN ('succeeded', 'failed', 'cancelled')",
      [runId],
    )
    return rows.length === 1
  }
  return {
    async of(runId, timeoutMs) {
      await until(() => hasEnded(runId), { timeoutMs, everyMs: 40, what: `the end of run ${runId}` })
    },
    close: () => pool.end(),
  }
}
