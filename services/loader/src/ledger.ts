import type { BatchCount, PartitionEnd, RejectedRow } from '@millrace/store/progress/batch-count.ts'
import type { Entry, EntryCounts } from './entry.ts'

/** What the next progress statement says. */
export type LedgerStep = {
  readonly nextOffset: bigint
  readonly counts: BatchCount[]
  readonly rejects: RejectedRow[]
  readonly ends: PartitionEnd[]
  /** Bytes of the messages that it finishes with. */
  readonly bytes: number
}

/** Steps stay small enough for one quick statement. */
const entriesMax = 2000

/**
 * The messages of a partition in offset order, from being taken to being recorded. What is taken out is a prefix: only
 * up to the lowest message that is not finished. Lookup tables that are gathered hold the offset back at their first
 * message while what comes after it is counted all the same: their spool is lost with the process, and is then made
 * again from Kafka. The store drops what it has counted before. Proved by test/batcher.test.ts
 * (order of answers) and test/crash.test.ts (tables).
 */
export class Ledger {
  #entries: Entry[] = []
  #next: bigint | null
  readonly #holds = new Map<string, bigint>()
  #extra: LedgerStep | null = null

  /** `next` is where the partition begins; null when it is not known before the first message. */
  constructor(next: bigint | null) {
    this.#next = next
  }

  /** Entries that are not taken out. */
  get size(): number {
    return this.#entries.length
  }

  /** Does a run end here that is not taken out? */
  get hasEnd(): boolean {
    return this.#extra !== null || this.#entries.some(({ end }) => end !== null)
  }

  /** The partition is about to give this message; the first one says where the partition begins. */
  reach(offset: bigint): void {
    this.#next ??= offset
  }

  add(entry: Entry): void {
    this.reach(entry.offset)
    this.#entries.push(entry)
  }

  /** Projects with entries that have no definite answer yet. */
  waitingProjects(): Set<string> {
    const projects = new Set<string>()
    for (const { projectId, pending } of this.#entries) {
      if (pending > 0 && projectId !== null) projects.add(projectId)
    }
    return projects
  }

  /** The entries of a project that are not taken out, in order. */
  ofProject(projectId: string): Entry[] {
    return this.#entries.filter((entry) => entry.projectId === projectId)
  }

  /** Keeps the offset from passing this message until `release`. The first hold of a name stays. */
  hold(name: string, offset: bigint): void {
    if (!this.#holds.has(name)) this.#holds.set(name, offset)
  }

  /** Lets the offset move on, and counts what was gathered meanwhile. */
  release(name: string, counts: readonly EntryCounts[], end: PartitionEnd | null): void {
    this.#holds.delete(name)
    this.#extra ??= { nextOffset: 0n, counts: [], rejects: [], ends: [], bytes: 0 }
    for (const each of counts) addCounts(each, this.#extra)
    if (end) this.#extra.ends.push(end)
  }

  /** Offset that may be recorded now; null when nothing was ever taken. */
  get nextOffset(): bigint | null {
    let next = this.#next
    if (next === null) return null
    for (const offset of this.#holds.values()) if (offset < next) next = offset
    return next
  }

  /** Takes out what is finished; null when there is nothing to record. */
  take(): LedgerStep | null {
    const { counts, rejects, ends }: Omit<LedgerStep, 'nextOffset' | 'bytes'> = this.#extra ?? {
      counts: [],
      rejects: [],
      ends: [],
    }
    let any = this.#extra !== null
    this.#extra = null
    let bytes = 0
    let taken = 0
    for (; taken < Math.min(entriesMax, this.#entries.length); taken++) {
      const entry = this.#entries[taken]!
      if (!entry.isFinished) break
      this.#next = entry.offset + 1n
      bytes += entry.value.length
      any = true
      if (!entry.isCounted) continue
      if (entry.counts) addCounts(entry.counts, { counts, rejects })
      if (entry.end) ends.push(endOf(entry.end))
    }
    // At once: an entry that is kept keeps its message, a quarter of a megabyte.
    if (taken > 0) this.#entries = this.#entries.slice(taken)
    return any ? { nextOffset: this.nextOffset!, counts, rejects, ends, bytes } : null
  }
}

/** What a run_end marker says, as the store keeps it. */
export function endOf({ runId, epoch, rows, batches }: PartitionEnd): PartitionEnd {
  return { runId, epoch, rows, batches }
}

function addCounts(each: EntryCounts, step: { counts: BatchCount[]; rejects: RejectedRow[] }): void {
  const { runId, chunk, attempt, seq, rows, bytes } = each.header
  const { refused, tableType, filtered, sent } = each
  const inserts = each.inserts - refused.inserts
  const updates = each.updates - refused.updates
  const deletes = each.deletes - refused.deletes
  const of = (type: EntryCounts['tableType'], count: number) => (tableType === type ? count : 0)
  step.counts.push({
    runId,
    chunk,
    attempt,
    seq,
    rows,
    events: of('events', inserts),
    updates: of('events', updates),
    deletes: of('events', deletes),
    userUpdates: of('user_profiles', inserts + updates),
    userDeletes: of('user_profiles', deletes),
    groupUpdates: of('group_profiles', inserts + updates),
    groupDeletes: of('group_profiles', deletes),
    lookupRows: of('lookup_table', inserts + updates),
    rejected: each.rejects.length,
    filtered,
    bytes,
    sent,
  })
  for (const reject of each.rejects) step.rejects.push({ runId, chunk, attempt, ...reject })
}
