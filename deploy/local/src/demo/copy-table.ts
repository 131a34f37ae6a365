import pg from 'pg'
import { countText } from './number-text.ts'
import type { ProgressLine } from './progress-line.ts'

const LOOK_MS = 250

/**
 * Fills a table from a CSV file that the server itself can read, and shows how far it is. Gives the number of rows. `url` must be that of a
 * superuser.
 */
export async function copyTable(
  url: string,
  { table, columns, file, line }: { table: string; columns: readonly string[]; file: string; line: ProgressLine },
): Promise<number> {
  const copying = new pg.Client({ connectionString: url })
  const watching = new pg.Client({ connectionString: url })
  await Promise.all([copying.connect(), watching.connect()])
  const path = copying.escapeLiteral(file)
  const timer = setInterval(() => void look(), LOOK_MS)
  const look = async () => {
    const { rows } = await watching.query(
      'SELECT tuples_processed AS rows, bytes_processed AS done, bytes_total AS total FROM pg_stat_progress_copy',
    )
    const [state] = rows
    if (state !== undefined && Number(state.total) > 0) {
      const percent = Math.floor((100 * Number(state.done)) / Number(state.total))
      line.update(`  loading ${table}: ${countText(Number(state.rows))} rows, ${percent} %`)
    }
  }
  try {
    const result = await copying.query(`COPY ${table} (${columns.join(', ')}) FROM ${path} (FORMAT csv, HEADER)`)
    return result.rowCount ?? 0
  } finally {
    clearInterval(timer)
    await Promise.all([copying.end(), watching.end()])
  }
}
