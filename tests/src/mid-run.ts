import { until } from '@millrace/local-stack/servers/until.ts'
import type { Stack } from '@millrace/local-stack/stack.ts'
import pg from 'pg'

export type RunMoment = { readonly state: string; readonly loaded: number }

const FINAL = new Set(['succeeded', 'failed', 'cancelled'])

/**
 * Waits until a run has loaded some of its rows and by far not all, does `work`, and gives the moment after it. Throws when the run was not in
 * its middle from begin to end of the work: a test that meant to break a run must not pass by breaking nothing. Looks at the control store itself,
 * since the services may be what is killed.
 */
export async function inMidRun(
  stack: Stack,
  { runId, rows }: { readonly runId: string; readonly rows: number },
  work: () => Promise<unknown>,
): Promise<RunMoment> {
  const client = new pg.Client({ connectionString: stack.servers.postgres.url })
  await client.connect()
  const moment = async (): Promise<RunMoment> => {
    const { rows: found } = await client.query(
      `SELECT state, (SELECT coalesce(sum(rows), 0) FROM run_progress WHERE run_id = runs.id)::int AS loaded
       FROM runs WHERE id = $1`,
      [runId],
    )
    return found[0] as RunMoment
  }
  try {
    await until(async () => (await moment()).loaded > 0, {
      timeoutMs: 60_000,
      everyMs: 5,
      what: 'the first loaded rows',
    })
    await work()
    const after = await moment()
    if (FINAL.has(after.state) || after.loaded >= rows) {
      throw new Error(`The run was past its middle: ${after.state}, ${after.loaded} of ${rows} rows loaded`)
    }
    return after
  } finally {
    await client.end()
  }
}
