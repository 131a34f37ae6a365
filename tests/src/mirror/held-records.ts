import type { PipelineProject } from '@millrace/local-stack/pipeline-client.ts'
import { exportedEvents } from '../exported-events.ts'
import type { ModelSync } from './model-sync.ts'
import type { HeldRecord } from './oracle.ts'

/** What the destination holds of one sync: records in a form that compares as text, sorted. */
export type Held = {
  readonly records: readonly string[]
  /** History: when each row of a profile begins and ends, and its hidden event. */
  readonly spans: readonly string[]
  readonly hidden: readonly string[]
  /** As many as there are records, when no two share one. */
  readonly insertIds: ReadonlySet<unknown>
}

/** Where to look: history has no import id where it is read, so a history's ids begin with its name. */
export type Place = {
  readonly project: PipelineProject
  readonly importId: string
  readonly sync: ModelSync
  readonly table: string
}

export async function heldBySync({ project, importId, sync, table }: Place): Promise<Held> {
  if (sync.tableType === 'events') {
    const events = await exportedEvents(project, importId)
    const records = events.map(({ event, properties: { $insert_id: _, ...properties } }) => ({ event, properties }))
    const insertIds = new Set(events.map(({ properties }) => properties.$insert_id))
    return { records: texts(records), spans: [], hidden: [], insertIds }
  }
  const ask = async (sql: string): Promise<unknown[][]> => {
    const path = `/api/read/projects/${project.destinationProjectId}/query`
    const answer = await project.destination.post<{ rows: unknown[][] }>(path, { sql, rowsMax: 10_000 })
    return answer.rows
  }
  const groupKey = sync.tableType === 'user_profiles' ? '' : sync.groupKey
  const which = groupKey === '' ? `starts_with(id, '${table}-')` : `group_key = '${groupKey}'`
  const rows = await ask(`SELECT group_key, id, start_ms, end_ms, properties FROM profile_history WHERE ${which}`)
  const events = await ask(
    `SELECT event, distinct_id, time_ms, insert_id FROM hidden_events WHERE import_id = '${importId}'`,
  )
  return {
    records: texts(
      rows.map(([group, id, start, , set]) => ({
        groupKey: group,
        id,
        startMs: Number(start),
        set: JSON.parse(String(set)),
      })),
    ),
    spans: rows
      .map(([, id, start, end]) => spanText(String(id), Number(start), end === null ? null : Number(end)))
      .sort(),
    hidden: events.map(([event, id, time]) => hiddenText(String(event), String(id), Number(time))).sort(),
    insertIds: new Set(events.map(([, , , insertId]) => insertId)),
  }
}

/** The same of what the model says, `insertIds` aside. */
export function heldOf(records: readonly HeldRecord[], table: string): Omit<Held, 'insertIds'> {
  const rows = records.flatMap((record) => ('set' in record ? [record] : []))
  const spans = rows.map(({ id, startMs }, n) => {
    const later = rows.filter(
      (other, m) => other.id === id && (other.startMs > startMs || (other.startMs === startMs && m > n)),
    )
    return spanText(id, startMs, later.length === 0 ? null : Math.min(...later.map((other) => other.startMs)))
  })
  const hidden = rows.map(({ id, startMs }) => hiddenText(table, id, startMs))
  return { records: texts(records), spans: spans.sort(), hidden: hidden.sort() }
}

function spanText(id: string, startMs: number, endMs: number | null): string {
  return JSON.stringify([id, startMs, endMs])
}

function hiddenText(event: string, id: string, timeMs: number): string {
  return JSON.stringify([event, id, timeMs])
}

function texts(records: readonly unknown[]): string[] {
  return records.map((record) => JSON.stringify(sorted(record))).sort()
}

/** The value with the keys of its objects in order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, each]) => [key, sorted(each)] as const)
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
}
