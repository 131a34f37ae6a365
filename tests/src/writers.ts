import { setTimeout as sleep } from 'node:timers/promises'
import { seededRandom } from '@millrace/testkit/seeded-random.ts'
import pg from 'pg'
import type { SourceDatabase } from './source-database.ts'

export type WritersOptions = {
  readonly writers: number
  /** A commit comes up to this long after the insert times of its rows, ms. */
  readonly lateMsMax: number
  readonly seed: number
}

export type Writers = {
  /** Lets every writer finish its transaction. Gives the rows committed and the longest time from an insert time to its commit. */
  stop(): Promise<{ readonly rows: number; readonly latestCommitMs: number }>
}

const ROWS_PER_TRANSACTION = 20

/**
 * Writers that insert visits for as long as they are let. Each transaction sets the insert times of its rows before it commits: with microseconds, every
 * other one rounded to whole seconds so that many rows of many writers have equal ones, and commits at once or up to `lateMsMax` later.
 */
export function startWriters(source: SourceDatabase, table: string, options: WritersOptions): Writers {
  const stopping = new AbortController()
  let nextN = 1_000
  let latestCommitMs = 0

  async function write(writer: number): Promise<number> {
    const random = seededRandom(options.seed + writer)
    const client = new pg.Client({ connectionString: source.adminUrl })
    await client.connect()
    let rows = 0
    try {
      while (!stopping.signal.aborted) {
        const begun = performance.now()
        const first = nextN
        nextN += ROWS_PER_TRANSACTION
        await client.query('BEGIN')
        await client.query(
          `INSERT INTO ${table} (n, time, visitor, page, amount, details, inserted_at)
           SELECT n, timestamptz '2024-03-01T00:00:00Z' + n * interval '1 s', 'visitor-' || n % 97, 'page ' || n % 31, n / 100.0,
             jsonb_build_object('plan', n % 3, 'tags', jsonb_build_array('a', n % 5)),
             CASE WHEN $3 THEN date_trunc('second', clock_timestamp()) ELSE clock_timestamp() END
           FROM generate_series($1::int, $2::int) AS n`,
          [first, first + ROWS_PER_TRANSACTION - 1, random() < 0.5],
        )
        // One transaction in three is late, the first one of the first writer by all that is allowed.
        const late = rows === 0 && writer === 0 ? 0.95 : random() < 0.33 ? random() * 0.95 : 0
        if (late > 0) await sleep(late * options.lateMsMax)
        await client.query('COMMIT')
        latestCommitMs = Math.max(latestCommitMs, performance.now() - begun)
        rows += ROWS_PER_TRANSACTION
        await sleep(20 + random() * 80)
      }
    } finally {
      await client.end()
    }
    return rows
  }

  const work = Array.from({ length: options.writers }, (_, writer) => write(writer))
  return {
    async stop() {
      stopping.abort()
      const counts = await Promise.all(work)
      return { rows: counts.reduce((sum, count) => sum + count, 0), latestCommitMs }
    },
  }
}
