import { until } from '@millrace/local-stack/servers/until.ts'
import type { Stack } from '@millrace/local-stack/stack.ts'
import pg from 'pg'

/** Waits for the ends of many runs by asking the control store: the control API limits how often one may ask it. */
export type RunEnds = {
  /** Settles when the run has ended, however; rejects when it has not within `timeoutMs`. */
  of(runId: string, timeoutMs: number): Promise<void>
  /** Cancels a run once all of it is published and `isLoaded` holds, while it is kept from succeeding; settles when it has ended. */
  cancelLoaded(runId: string, isLoaded: () => Promise<boolean>, timeoutMs: number): Promise<void>
  /** The run of the same sync that came after this one; rejects when none has come within `timeoutMs`. */
  after(runId: string, timeoutMs: number): Promise<string>
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
  const of = async (runId: string, timeoutMs: number) => {
    await until(() => hasEnded(runId), { timeoutMs, everyMs: 40, what: `the end of run ${runId}` })
  }
  return {
    of,
    async cancelLoaded(runId, isLoaded, timeoutMs) {
      const client = await pool.connect()
      try {
        const isHeld = async () => {
          await client.query('BEGIN')
          // Whoever would end the run waits for this row; counting what was loaded does not.
          const { rows } = await client.query(
            "SELECT 1 FROM runs WHERE id = $1 AND state = 'draining' FOR NO KEY UPDATE",
            [runId],
          )
          if (rows.length === 0) await client.query('ROLLBACK')
          return rows.length === 1
        }
        await until(isHeld, { timeoutMs, everyMs: 2, what: `run ${runId} to be published` })
        await until(isLoaded, { timeoutMs, everyMs: 40, what: `the changes of run ${runId} at the destination` })
        await client.query("UPDATE runs SET state = 'cancelling' WHERE id = $1", [runId])
        await client.query('COMMIT')
      } finally {
        client.release(true)
      }
      await of(runId, timeoutMs)
    },
    async after(runId, timeoutMs) {
      const next = async () => {
        const { rows } = await pool.query<{ id: string }>(
          `SELECT next.id FROM runs run JOIN runs next ON next.sync_id = run.sync_id AND next.run_seq = run.run_seq + 1
          WHERE run.id = $1`,
          [runId],
        )
        return rows[0]?.id
      }
      await until(async () => (await next()) !== undefined, { timeoutMs, everyMs: 40, what: `a run after ${runId}` })
      return (await next())!
    },
    close: () => pool.end(),
  }
}
