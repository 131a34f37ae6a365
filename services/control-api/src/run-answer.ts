import {
  loadedRows,
  missingRows,
  type RunCounts as ReportCounts,
  reportMirror,
  reportRun,
} from '@millrace/domain/sync/run-report.ts'
import { isFinalRunState } from '@millrace/domain/sync/run-state.ts'
import type { Run } from '@millrace/store/runs/get-run.ts'
import type { Static } from 'typebox'
import type { runAnswer } from './schemas/run.ts'

export type RunAnswer = Static<typeof runAnswer>

/** What was counted of a run, as the store sums it up. */
export type RunFigures = {
  readonly rowsRead: number
  readonly totals: Readonly<Record<string, number>>
  /** Identical rows that are rejects, each copy of them: these were not collapsed into one event. */
  readonly identicalRejects: number
  /** Rows that were rejected before and are rejected again. */
  readonly repeatedRejects: number
}

/** A run as the API shows it. `rate` is that of the moment, when it is known; otherwise the average is shown. */
export function toRunAnswer(run: Run, figures: RunFigures, nowMs: number, rate?: number): RunAnswer {
  const counts = reportCounts(run, figures)
  const rowsLoaded = totalOf(figures, 'rows')
  const rowsPlanned = run.readRows ?? run.rowsPlanned
  const perSecond = rate ?? averageRate(run, rowsLoaded, nowMs)
  const rowsLeft = rowsPlanned === null ? null : Math.max(0, rowsPlanned - rowsLoaded)
  const isOver = isFinalRunState(run.state)
  const { id, projectId, syncId, importId, runSeq, state, trigger, lane, mappingVersion, error } = run
  return {
    id,
    projectId,
    syncId,
    importId,
    runSeq,
    state,
    trigger,
    lane,
    mappingVersion,
    counts: { ...counts, ...profileCounts(figures), missing: missingRows(counts), sent: totalOf(figures, 'sent') },
    changes: run.changes,
    progress: {
      rowsPlanned,
      rowsRead: counts.read,
      rowsLoaded,
      rate: perSecond === null ? null : Math.round(perSecond),
      secondsLeft: isOver ? 0 : rowsLeft === null || !perSecond ? null : Math.ceil(rowsLeft / perSecond),
    },
    report: isOver ? finished(run, counts, figures) : unfinished(run, counts),
    error,
    createdAt: run.createdAt.toISOString(),
    plannedAt: run.plannedAt?.toISOString() ?? null,
    readAt: run.readAt?.toISOString() ?? null,
    finishedAt: run.finishedAt?.toISOString() ?? null,
  }
}

function reportCounts(run: Run, figures: RunFigures): ReportCounts {
  const total = (name: string) => totalOf(figures, name)
  // Copies of a row are counted where they arrive; only when all have arrived can they be told from events.
  const collapsed = run.state === 'succeeded' ? Math.max(0, (run.identicalRows ?? 0) - figures.identicalRejects) : 0
  const events = total('events') - collapsed
  const userProfiles = total('userUpdates') + total('userDeletes')
  const groupProfiles = total('groupUpdates') + total('groupDeletes')
  // What was rejected before is rejected again, and counted there; the rest of the overlap was loaded before.
  const again = run.state === 'succeeded' ? Math.max(0, (run.rowsReadAgain ?? 0) - figures.repeatedRejects) : 0
  const [newEvents, newUsers, newGroups] = [events, userProfiles, groupProfiles].map((all) => Math.max(0, all - again))
  return {
    read: run.readRows ?? figures.rowsRead,
    events: newEvents!,
    updates: total('updates'),
    deletes: total('deletes'),
    userProfiles: newUsers!,
    groupProfiles: newGroups!,
    lookupRows: total('lookupRows'),
    readAgain: events + userProfiles + groupProfiles - newEvents! - newUsers! - newGroups!,
    leftOut: run.rowsLeftOut ?? 0,
    rejected: total('rejected'),
    filtered: total('filtered'),
    collapsed,
  }
}

/** As the destination takes them: new rows of history profiles are updates to it. */
function profileCounts(figures: RunFigures) {
  const total = (name: string) => totalOf(figures, name)
  return {
    userUpdates: total('userUpdates'),
    userDeletes: total('userDeletes'),
    groupUpdates: total('groupUpdates'),
    groupDeletes: total('groupDeletes'),
  }
}

function totalOf({ totals }: RunFigures, name: string): number {
  return totals[name] ?? 0
}

/** Rows a second since the plan was made; null before anything was loaded. */
function averageRate(run: Run, rowsLoaded: number, nowMs: number): number | null {
  if (run.plannedAt === null || rowsLoaded === 0) return null
  const seconds = ((run.finishedAt?.getTime() ?? nowMs) - run.plannedAt.getTime()) / 1000
  return seconds > 0 ? rowsLoaded / seconds : null
}

function finished(run: Run, counts: ReportCounts, figures: RunFigures): string {
  if (run.mode !== 'mirror') return reportRun(counts, run.tableType)
  const { read, events, updates, deletes, rejected, filtered } = counts
  const profiles = profileCounts(figures)
  const report = {
    read,
    inserted: events,
    updated: updates,
    set: profiles.userUpdates + profiles.groupUpdates,
    deleted: deletes + profiles.userDeletes + profiles.groupDeletes,
    rejected,
    filtered,
    identicalRows: run.changes?.identicalRows ?? 0,
  }
  return reportMirror(report, run.tableType)
}

function unfinished(run: Run, counts: ReportCounts): string {
  const english = (value: number) => value.toLocaleString('en-US')
  const planned = run.readRows ?? run.rowsPlanned
  const of = planned === null ? '' : ` of ${run.readRows === null ? 'about ' : ''}${english(planned)}`
  const done = loadedRows(counts)
  return `${run.state}: ${english(counts.read)}${of} rows read, ${english(done)} loaded, ${english(counts.rejected)} rejected so far`
}
