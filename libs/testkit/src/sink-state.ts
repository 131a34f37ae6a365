/** A record as it arrives; what is known of it depends on the endpoint. */
export type SinkRecord = {
  readonly event?: unknown
  readonly properties?: Readonly<Record<string, unknown>>
  readonly $token?: unknown
  readonly $distinct_id?: unknown
  readonly $group_key?: unknown
  readonly $group_id?: unknown
  readonly $set?: Readonly<Record<string, unknown>>
  readonly $unset?: readonly string[]
  readonly $delete?: unknown
}

export type FailedRecord = {
  readonly index: number
  readonly insert_id: string
  readonly field: string
  readonly message: string
}

const earliestS = 31_536_000
const aheadS = 3600

/** What a scripted sink holds, and how often each thing came: every event once by its dedup key, profiles at their last state. */
export class SinkState {
  /** By event, time, distinct id and insert id; the value says how often it was stored. */
  readonly events = new Map<string, number>()
  /** By `token/distinct id` or `token/group key/group id`. */
  readonly profiles = new Map<string, Record<string, unknown>>()
  readonly lookupTables = new Map<string, string>()
  /** Events stored by project id, each once. */
  readonly eventsByProject = new Map<string, number>()
  /** Insert ids in the order in which events were first stored. */
  readonly insertIds: string[] = []
  lookupReplacements = 0
  /** Records that were stored, copies included. */
  stored = 0

  /** Records that came again although they were stored. */
  get copies(): number {
    return this.stored - this.events.size
  }

  /** Why records are refused, by the rules of strict import. */
  problems(path: string, records: readonly SinkRecord[]): FailedRecord[] {
    return records.flatMap((record, index) => {
      const problem = path === '/import' ? eventProblem(record) : profileProblem(path, record)
      const insertId = String(record.properties?.$insert_id ?? '')
      return problem ? [{ index, insert_id: insertId, field: problem.field, message: problem.message }] : []
    })
  }

  apply(path: string, projectId: string, records: readonly SinkRecord[]): void {
    for (const record of records) {
      this.stored++
      if (path === '/import') this.#storeEvent(projectId, record)
      else this.#storeProfile(record)
    }
  }

  replaceTable(id: string, csv: string): void {
    this.lookupReplacements++
    this.lookupTables.set(id, csv)
  }

  #storeEvent(projectId: string, { event, properties = {} }: SinkRecord): void {
    const { time, distinct_id: distinctId, $insert_id: insertId } = properties
    const key = JSON.stringify([projectId, event, time, distinctId ?? '', insertId])
    const before = this.events.get(key) ?? 0
    this.events.set(key, before + 1)
    if (before > 0) return
    this.insertIds.push(String(insertId))
    this.eventsByProject.set(projectId, (this.eventsByProject.get(projectId) ?? 0) + 1)
  }

  #storeProfile(record: SinkRecord): void {
    const { $token, $distinct_id, $group_key, $group_id, $set = {}, $unset = [] } = record
    const key = $distinct_id === undefined ? `${$token}/${$group_key}/${$group_id}` : `${$token}/${$distinct_id}`
    if ('$delete' in record) {
      this.profiles.delete(key)
      return
    }
    const profile = { ...this.profiles.get(key), ...$set }
    for (const name of $unset) delete profile[name]
    this.profiles.set(key, profile)
  }
}

type Problem = { readonly field: string; readonly message: string } | null

function eventProblem({ event, properties }: SinkRecord): Problem {
  if (typeof event !== 'string' || event === '') return { field: 'event', message: 'event is missing' }
  const { time, $insert_id: insertId, refuse } = properties ?? {}
  if (typeof insertId !== 'string' || !/^[\w-]{1,36}$/.test(insertId)) {
    return { field: '$insert_id', message: '$insert_id is invalid' }
  }
  const seconds = typeof time === 'number' ? (time > 1e11 ? time / 1000 : time) : Number.NaN
  if (!(seconds >= earliestS && seconds <= Date.now() / 1000 + aheadS)) {
    return { field: 'properties.time', message: "'properties.time' is invalid" }
  }
  // For tests: a value that this sink does not take.
  return refuse === true ? { field: 'properties.refuse', message: 'refused as asked' } : null
}

function profileProblem(path: string, record: SinkRecord): Problem {
  if (typeof record.$token !== 'string' || record.$token === '')
    return { field: '$token', message: '$token is missing' }
  if (path === '/engage' && record.$distinct_id === undefined) {
    return { field: '$distinct_id', message: '$distinct_id is missing' }
  }
  if (path === '/groups' && (record.$group_key === undefined || record.$group_id === undefined)) {
    return { field: '$group_id', message: '$group_key or $group_id is missing' }
  }
  return null
}
