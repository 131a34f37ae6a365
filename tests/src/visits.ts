import type { SourceDatabase } from './source-database.ts'

/**
 * A table of visits without a key. `n` numbers the rows, so that source and destination can be compared row by row; `time` lies in 2024 and counts microseconds, of which the
 * destination keeps milliseconds.
 */
export type VisitsTable = {
  readonly name: string
  /** All rows, those included that have an identical one. */
  readonly rows: number
  readonly identical: number
}

export type VisitsOptions = {
  readonly rows: number
  /** So many of the rows are there a second time, identical in every column; they collapse. Default 0. */
  readonly identical?: number
}

export async function createVisits(
  source: SourceDatabase,
  name: string,
  { rows, identical = 0 }: VisitsOptions,
): Promise<VisitsTable> {
  await source.query(`
    CREATE TABLE ${name} (
      n integer NOT NULL,
      time timestamptz,
      visitor text,
      page text,
      amount numeric(12, 2),
      details jsonb,
      inserted_at timestamptz NOT NULL DEFAULT now()
    )`)
  await addVisits(source, name, { first: 1, rows })
  if (identical > 0) await source.query(`INSERT INTO ${name} SELECT * FROM ${name} WHERE n <= ${identical}`)
  await source.query(`GRANT SELECT ON ${name} TO ${source.reader}`)
  return { name, rows: rows + identical, identical }
}

/** Inserts visits numbered from `first` on, all in one transaction. */
export async function addVisits(
  source: SourceDatabase,
  name: string,
  { first, rows }: { readonly first: number; readonly rows: number },
): Promise<void> {
  await source.query(`
    INSERT INTO ${name} (n, time, visitor, page, amount, details)
    SELECT n,
      timestamptz '2024-03-01T00:00:00Z' + n * interval '1.000123 s',
      'visitor-' || n % 997,
      'page ' || n % 31,
      CASE WHEN n % 7 = 0 THEN NULL ELSE n / 100.0 END,
      jsonb_build_object('plan', n % 3, 'tags', jsonb_build_array('a', n % 5))
    FROM generate_series(${first}, ${first + rows - 1}) AS n`)
}

/** The mapping of a visits table; `n` becomes a property. */
export const visitsMapping = {
  tableType: 'events',
  eventName: { value: 'Visit' },
  time: 'time',
  userId: 'visitor',
  jsonProperties: 'details',
  leaveOut: ['inserted_at'],
} as const
