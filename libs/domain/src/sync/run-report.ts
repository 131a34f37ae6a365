import type { TableType } from '../words.ts'

/** What became of the rows of a run. Each row read is in exactly one of the others, or still missing. */
export type RunCounts = {
  readonly read: number
  /** Distinct events that this run brought to the destination. */
  readonly events: number
  /** Mirror: events that were changed and deleted there. */
  readonly updates: number
  readonly deletes: number
  readonly userProfiles: number
  readonly groupProfiles: number
  readonly lookupRows: number
  readonly rejected: number
  readonly filtered: number
  /** Rows without a key that are identical to another one, and so are the same event. */
  readonly collapsed: number
  /** Append: rows of the overlap that the run before has loaded already; reading them again changes nothing. */
  readonly readAgain: number
  /** Append: rows that no run reads, since they have no insert time. They are not among those read. */
  readonly leftOut: number
}

const singular: Readonly<Record<TableType, string>> = {
  events: 'event',
  user_profiles: 'user profile',
  group_profiles: 'group profile',
  lookup_table: 'lookup row',
}

/** Rows that are neither loaded nor accounted for otherwise; 0 for a run that succeeded. */
export function missingRows(counts: RunCounts): number {
  return counts.read - loadedRows(counts) - counts.rejected - counts.filtered - counts.collapsed - counts.readAgain
}

export function loadedRows(counts: RunCounts): number {
  return (
    counts.events + counts.updates + counts.deletes + counts.userProfiles + counts.groupProfiles + counts.lookupRows
  )
}

/**
 * A run as one equation, for people: "3,000,000 rows read = 2,999,809 events + 191 identical rows collapsed + 0
 * rejected, 0 missing". Rows that were filtered, read again or left out are named when there are any.
 */
export function reportRun(counts: RunCounts, tableType: TableType): string {
  const terms = [
    amount(loadedRows(counts), singular[tableType]),
    ...(counts.readAgain > 0 ? [`${number(counts.readAgain)} read again`] : []),
    `${amount(counts.collapsed, 'identical row')} collapsed`,
    ...(counts.filtered > 0 ? [`${number(counts.filtered)} filtered`] : []),
    `${number(counts.rejected)} rejected`,
  ]
  const leftOut = counts.leftOut > 0 ? `; ${amount(counts.leftOut, 'row')} without an insert time left out` : ''
  return `${amount(counts.read, 'row')} read = ${terms.join(' + ')}, ${number(missingRows(counts))} missing${leftOut}`
}

/** Changes of a mirror run by what they were to the destination; the rows of history profiles are `set`, be they new or changed. */
export type MirrorReport = Pick<RunCounts, 'read' | 'rejected' | 'filtered'> & {
  readonly inserted: number
  readonly updated: number
  readonly set: number
  readonly deleted: number
  /** Rows of the table that are shown as one with another row. */
  readonly identicalRows: number
}

/**
 * A mirror run as one equation: "1,200 changes read = 1,000 inserted + 150 updated + 50 deleted + 0 rejected, 0 missing;
 * 191 identical rows are shown as one".
 */
export function reportMirror(report: MirrorReport, tableType: TableType): string {
  const { read, inserted, updated, set, deleted, rejected, filtered, identicalRows } = report
  const brought =
    tableType === 'events'
      ? [`${number(inserted)} inserted`, `${number(updated)} updated`]
      : [`${number(set)} inserted or updated`]
  const terms = [
    ...brought,
    `${number(deleted)} deleted`,
    ...(filtered > 0 ? [`${number(filtered)} filtered`] : []),
    `${number(rejected)} rejected`,
  ]
  const missing = read - inserted - updated - set - deleted - filtered - rejected
  const identical = identicalRows > 0 ? `; ${identicalText(identicalRows)}` : ''
  return `${amount(read, 'change')} read = ${terms.join(' + ')}, ${number(missing)} missing${identical}`
}

function identicalText(rows: number): string {
  return rows === 1 ? '1 row is shown as one with another' : `${number(rows)} identical rows are shown as one`
}

function amount(count: number, what: string): string {
  return `${number(count)} ${what}${count === 1 ? '' : 's'}`
}

/** 1,234,567: in English on every machine, whatever its locale. */
function number(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',')
}
