import type { PipelineProject } from '../pipeline-client.ts'
import type { DemoWarehouse } from './warehouse.ts'

/** A comparison of source and destination: the same question in SQL to both, and the rows must be equal both ways. */
export type Check = {
  readonly what: string
  readonly source: string
  readonly destination: string
  /** Which part of the rows is a count, for the table that people see: its column. */
  readonly counts: (rows: readonly Row[]) => number
}

export type CheckResult = {
  readonly what: string
  readonly source: number
  readonly destination: number
  /** Rows that only one of the two has. */
  readonly differences: number
}

type Row = readonly (string | null)[]

const ROWS_MAX = 10_000

const sumOfSecond = (rows: readonly Row[]) => rows.reduce((sum, row) => sum + Number(row[1]), 0)
const numberOfRows = (rows: readonly Row[]) => rows.length

export const EVENTS_CHECK: Check = {
  what: 'flights: events by origin, with the sums of delay and distance',
  source: `
    SELECT origin, count(*)::text AS events, sum(delay)::text AS delay, sum(distance)::text AS distance
    FROM (SELECT DISTINCT * FROM flights) AS distinct_rows GROUP BY origin`,
  destination: `
    SELECT distinct_id, count(*)::VARCHAR, sum((properties->>'$.delay')::BIGINT)::VARCHAR,
      sum((properties->>'$.distance')::BIGINT)::VARCHAR
    FROM events WHERE event = 'Flight' GROUP BY distinct_id`,
  counts: sumOfSecond,
}

const AIRPORT_COLUMNS = ['name', 'city', 'state', 'country', 'latitude', 'longitude']
const AIRPORTS_IN_SOURCE = `SELECT iata, ${AIRPORT_COLUMNS.map((column) => `${column}::text`).join(', ')} FROM airports`
const AIRPORT_PROPERTIES = AIRPORT_COLUMNS.map((column) => `properties->>'$.${column}'`).join(', ')

export const PROFILE_CHECKS: readonly Check[] = [
  {
    what: 'airports: group profiles, every property',
    source: AIRPORTS_IN_SOURCE,
    destination: `SELECT group_id, ${AIRPORT_PROPERTIES} FROM group_profiles WHERE group_key = 'airport'`,
    counts: numberOfRows,
  },
  {
    what: 'airports: rows of the lookup table, every column',
    source: AIRPORTS_IN_SOURCE,
    // A cell of a CSV file is empty where a column is NULL.
    destination: `SELECT id, ${AIRPORT_COLUMNS.map((column) => `nullif(properties->>'$.${column}', '')`).join(', ')}
      FROM lookup_rows WHERE table_id = 'airports'`,
    counts: numberOfRows,
  },
  {
    what: 'origins: user profiles, with their numbers',
    source: 'SELECT origin, airport_name, departures::text, destinations::text, mean_delay_minutes::text FROM origins',
    destination: `SELECT distinct_id, properties->>'$.airport_name', properties->>'$.departures',
        properties->>'$.destinations', properties->>'$.mean_delay_minutes'
      FROM user_profiles`,
    counts: numberOfRows,
  },
]

/** Asks both sides and compares the answers row by row. */
export async function runCheck(check: Check, warehouse: DemoWarehouse, project: PipelineProject): Promise<CheckResult> {
  const [expected, found] = await Promise.all([
    warehouse.query(check.source).then((rows) => rows.map((row) => Object.values(row) as unknown as Row)),
    queryDestination(project, check.destination),
  ])
  return {
    what: check.what,
    source: check.counts(expected),
    destination: check.counts(found),
    differences: differences(expected, found),
  }
}

export function matches({ source, destination, differences: count }: CheckResult): boolean {
  return count === 0 && source === destination && source > 0
}

/** Events of one sync at the destination, each counted once. */
export async function eventsOfImport(project: PipelineProject, importId: string): Promise<number> {
  const { imports } = await project.destination.get<{ imports: { importId: string; count: number }[] }>(
    `/api/read/projects/${project.destinationProjectId}/counts/imports`,
  )
  return imports.find((each) => each.importId === importId)?.count ?? 0
}

async function queryDestination(project: PipelineProject, sql: string): Promise<readonly Row[]> {
  const { rows, complete } = await project.destination.post<{ rows: Row[]; complete: boolean }>(
    `/api/read/projects/${project.destinationProjectId}/query`,
    { sql, rowsMax: ROWS_MAX },
  )
  if (!complete) throw new Error(`The answer of the destination has more than ${ROWS_MAX} rows`)
  return rows
}

/** Rows of two multisets that have no counterpart in the other. */
function differences(a: readonly Row[], b: readonly Row[]): number {
  const balance = new Map<string, number>()
  for (const row of a) balance.set(JSON.stringify(row), (balance.get(JSON.stringify(row)) ?? 0) + 1)
  for (const row of b) balance.set(JSON.stringify(row), (balance.get(JSON.stringify(row)) ?? 0) - 1)
  return [...balance.values()].reduce((sum, count) => sum + Math.abs(count), 0)
}
