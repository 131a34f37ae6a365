import { type DuckDBConnection, type Json, JsonDuckDBValueConverter } from '@duckdb/node-api'
import { HttpProblem } from './problem.ts'

/** What a query may read: the tables and views of its project. */
const readable = new Set([
  'events',
  'events_log',
  'mirrored_events',
  'mirrored_profiles',
  'profile_history',
  'hidden_events',
  'user_profiles',
  'group_profiles',
  'profiles',
  'lookup_tables',
  'lookup_rows',
])
/** Functions that make tables of values, not of files. */
const tableFunctions = new Set(['unnest', 'range', 'generate_series', 'json_each', 'json_tree'])

export type QueryLimits = { readonly rowsMax: number; readonly bytesMax: number; readonly queryMs: number }
export type QueryAnswer = {
  readonly columns: readonly string[]
  readonly rows: readonly Json[][]
  readonly complete: boolean
}

/**
 * Runs a SELECT of a person. Three walls: the database holds this project only and its settings are locked (no files but
 * the project's own log, no extensions); the transaction is read-only; and the statement, as DuckDB's own parser sees it,
 * must be one SELECT from the project's tables. Throws HttpProblem; ends after `queryMs`.
 */
export async function runUserQuery(
  connection: DuckDBConnection,
  sql: string,
  limits: QueryLimits,
): Promise<QueryAnswer> {
  await assertReadable(connection, sql)
  let late = false
  const timer = setTimeout(() => {
    late = true
    connection.interrupt()
  }, limits.queryMs)
  try {
    await connection.run('BEGIN TRANSACTION READ ONLY')
    return await readRows(connection, sql, limits)
  } catch (error) {
    if (late)
      throw new HttpProblem(422, 'query_too_slow', `The query took more than ${limits.queryMs} ms.`, 'Ask for less.')
    throw new HttpProblem(422, 'query_failed', firstLine(error), 'Mend the statement; GET /docs names the tables.')
  } finally {
    clearTimeout(timer)
  }
}

async function readRows(connection: DuckDBConnection, sql: string, limits: QueryLimits): Promise<QueryAnswer> {
  const result = await connection.stream(sql)
  const columns = result.deduplicatedColumnNames()
  const rows: Json[][] = []
  let bytes = 0
  for (let chunk = await result.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
    for (const row of chunk.convertRows(JsonDuckDBValueConverter)) {
      bytes += JSON.stringify(row).length
      if (rows.length === limits.rowsMax || bytes > limits.bytesMax) return { columns, rows, complete: false }
      rows.push(row as Json[])
    }
  }
  return { columns, rows, complete: true }
}

async function assertReadable(connection: DuckDBConnection, sql: string): Promise<void> {
  const parsed = await connection.runAndReadAll('SELECT json_serialize_sql($1::VARCHAR)', [sql])
  const tree = JSON.parse(parsed.getRows()[0]![0] as string) as ParsedSql
  if (tree.error)
    throw new HttpProblem(
      422,
      'query_refused',
      tree.error_message ?? 'Not a SELECT.',
      'Send a single SELECT statement.',
    )
  if (tree.statements?.length !== 1)
    throw new HttpProblem(422, 'query_refused', 'There must be one statement.', 'Send a single SELECT statement.')
  const named = new Set<string>()
  visit(tree.statements, (node) => {
    const map = (node.cte_map as { map?: { key: string }[] } | undefined)?.map ?? []
    for (const { key } of map) named.add(key.toLowerCase())
  })
  visit(tree.statements, (node) => {
    const what = refusedPart(node, named)
    if (what !== null)
      throw new HttpProblem(
        422,
        'query_refused',
        `The query may not read ${what}.`,
        `Read from ${[...readable].join(', ')}.`,
      )
  })
}

type ParsedSql = { readonly error: boolean; readonly error_message?: string; readonly statements?: unknown[] }
type Node = Readonly<Record<string, unknown>>

function refusedPart(node: Node, named: ReadonlySet<string>): string | null {
  if (node.type === 'BASE_TABLE') {
    const name = String(node.table_name)
    const elsewhere = node.catalog_name !== '' || (node.schema_name !== '' && node.schema_name !== 'main')
    return elsewhere || !(readable.has(name.toLowerCase()) || named.has(name.toLowerCase())) ? name : null
  }
  if (node.type === 'TABLE_FUNCTION') {
    const name = String((node.function as Node | undefined)?.function_name)
    return tableFunctions.has(name.toLowerCase()) ? null : `${name}()`
  }
  return node.type === 'SHOW_REF' || node.type === 'COLUMN_DATA' ? 'the catalogue' : null
}

function visit(value: unknown, see: (node: Node) => void): void {
  if (typeof value !== 'object' || value === null) return
  if (!Array.isArray(value)) see(value as Node)
  for (const child of Object.values(value)) visit(child, see)
}

function firstLine(error: unknown): string {
  return (error as Error).message.split('\n', 1)[0]!
}
