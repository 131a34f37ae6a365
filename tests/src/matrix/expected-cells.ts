/**
 * What the warehouse guide says of each cell, written by hand and not from the support matrix of the code: `Table Types` and `Sync Modes`.
 * Postgres has mirror beyond the guide; folders of CSV files are not in it.
 */

export const warehouses = ['postgres', 'bigquery', 'redshift', 'snowflake', 'databricks', 'csv'] as const
export const schedules = ['hourly', 'daily', 'weekly', 'api'] as const
export const modes = ['mirror', 'append', 'full', 'one_time'] as const
export const shapes = [
  'events',
  'user_profiles/standard',
  'user_profiles/history',
  'group_profiles/standard',
  'group_profiles/history',
  'lookup_table',
] as const

export type Shape = (typeof shapes)[number]
export type Mode = (typeof modes)[number]

export type Cell = {
  readonly warehouse: (typeof warehouses)[number]
  readonly shape: Shape
  readonly mode: Mode
  readonly schedule: (typeof schedules)[number]
}

const runs = 'runs'
const noStandardMirror = 'standard_profiles_have_no_mirror'
const onlyMirror = 'history_needs_mirror'
const onlyWhole = 'lookup_tables_are_full'

/** `runs`, or the rule by which the mode is refused. */
const byMode: Readonly<Record<Shape, Readonly<Record<Mode, string>>>> = {
  events: { mirror: runs, append: runs, full: 'events_have_no_full', one_time: runs },
  'user_profiles/standard': { mirror: noStandardMirror, append: runs, full: runs, one_time: runs },
  'user_profiles/history': { mirror: runs, append: onlyMirror, full: onlyMirror, one_time: onlyMirror },
  'group_profiles/standard': { mirror: noStandardMirror, append: runs, full: runs, one_time: runs },
  'group_profiles/history': { mirror: runs, append: onlyMirror, full: onlyMirror, one_time: onlyMirror },
  lookup_table: { mirror: onlyWhole, append: onlyWhole, full: runs, one_time: runs },
}

/** `runs`, or the rule that the answer 422 must name. */
export function expectedOf({ warehouse, shape, mode, schedule }: Cell): string {
  const rule = byMode[shape][mode]
  if (rule !== runs) return rule
  if (warehouse === 'csv' && mode === 'mirror') return 'warehouse_has_no_mirror'
  if (mode === 'one_time' && schedule !== 'api') return 'one_time_has_no_schedule'
  return runs
}

export function cellsOf(warehouse: Cell['warehouse']): readonly Cell[] {
  return shapes.flatMap((shape) =>
    modes.flatMap((mode) => schedules.map((schedule) => ({ warehouse, shape, mode, schedule }))),
  )
}

export function textOf({ warehouse, shape, mode, schedule }: Cell): string {
  return `${warehouse} × ${shape} × ${mode} × ${schedule}`
}
