import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { appendFile, mkdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { finished } from 'node:stream/promises'
import type { UpdateCursor } from '@millrace/domain/wire/update-batch.ts'
import { countsOf, type EntryCounts } from './entry.ts'
import { spooledRows, spoolHead } from './spooled-rows.ts'

type Attempt = { readonly attempt: number; readonly counts: EntryCounts[]; rows: number; nextSeq: number }

const lineEnd = Buffer.from('\n')

/**
 * The rows of one run of a lookup table, gathered on disk until the run's end; in memory stand only the counters. A file
 * per chunk and attempt: the last one that reached Kafka counts, unless the store knows of a later one without rows.
 */
export class LookupSpool {
  readonly #dir: string
  readonly #attempts = new Map<number, Attempt[]>()

  constructor(dir: string) {
    this.#dir = dir
  }

  /** Counters of every batch taken, of all attempts. */
  get counts(): EntryCounts[] {
    return [...this.#attempts.values()].flatMap((attempts) => attempts.flatMap((each) => each.counts))
  }

  /** Appends a batch. A copy of one taken before is left out; one that comes too early makes the rows incomplete. */
  async add(cursor: UpdateCursor): Promise<void> {
    const { header } = cursor
    const attempt = this.#attempt(header.chunk, header.attempt)
    if (header.seq < attempt.nextSeq) return
    attempt.nextSeq = header.seq + 1
    const counts = countsOf(cursor)
    attempt.counts.push(counts)
    attempt.rows += header.rows
    const rows: Buffer[] = []
    while (cursor.next()) {
      if (cursor.op === 'insert') counts.inserts++
      else if (cursor.op === 'update') counts.updates++
      else counts.deletes++
      if (cursor.op !== 'delete') rows.push(spoolHead(cursor, attempt.counts.length - 1), cursor.body())
    }
    if (rows.length === 0) return
    await mkdir(this.#dir, { recursive: true })
    await appendFile(this.#file(header.chunk, header.attempt), Buffer.concat(rows))
  }

  /** Forgets attempts that do not count; `counting` has the attempt that does, by chunk. */
  keep(counting: ReadonlyMap<number, number>): void {
    for (const [chunk, attempts] of this.#attempts) {
      const counts = counting.get(chunk)
      if (counts === undefined) continue
      const kept = attempts.filter(({ attempt }) => attempt === counts)
      if (kept.length > 0) this.#attempts.set(chunk, kept)
      else this.#attempts.delete(chunk)
    }
  }

  /** Rows of the attempts that count, as read: what run_end says when nothing is missing. */
  get rows(): number {
    return this.#counting().reduce((sum, [, each]) => sum + each.rows, 0)
  }

  /**
   * Writes the whole table as one CSV file and gives its path. Ids must be unique there: of several rows with one id the
   * first is written, and the others become rejects that name `idColumn`.
   */
  async assemble(headerLine: string, idColumn: string): Promise<string> {
    await mkdir(this.#dir, { recursive: true })
    const table = path.join(this.#dir, 'table.csv')
    const target = createWriteStream(table)
    const seen = new Set<string>()
    target.write(`${headerLine}\n`)
    for (const [chunk, { attempt, counts }] of this.#counting()) {
      if (!counts.some(({ inserts, updates }) => inserts + updates > 0)) continue
      for await (const { rowId, batch, ordinal, line } of spooledRows(this.#file(chunk, attempt))) {
        const known = seen.size
        if (seen.add(rowId).size === known) refuseTwin(counts[batch]!, rowId, ordinal, idColumn)
        else if (!target.write(Buffer.concat([line, lineEnd]))) await once(target, 'drain')
      }
    }
    target.end()
    await finished(target)
    return table
  }

  async remove(): Promise<void> {
    await rm(this.#dir, { recursive: true, force: true })
  }

  #counting(): (readonly [chunk: number, attempt: Attempt])[] {
    return [...this.#attempts]
      .sort(([a], [b]) => a - b)
      .map(([chunk, attempts]) => [chunk, attempts.reduce((a, b) => (b.attempt > a.attempt ? b : a))] as const)
  }

  #attempt(chunk: number, attempt: number): Attempt {
    const attempts = this.#attempts.get(chunk) ?? []
    this.#attempts.set(chunk, attempts)
    let found = attempts.find((each) => each.attempt === attempt)
    if (!found) {
      found = { attempt, counts: [], rows: 0, nextSeq: 0 }
      attempts.push(found)
    }
    return found
  }

  #file(chunk: number, attempt: number): string {
    return path.join(this.#dir, `${chunk}-${attempt}.rows`)
  }
}

function refuseTwin(counts: EntryCounts, rowId: string, ordinal: number, field: string): void {
  if (counts.inserts > counts.refused.inserts) counts.refused.inserts++
  else counts.refused.updates++
  const message = 'Another row of the table has this id; the first one was loaded.'
  counts.rejects.push({
    rowId: Buffer.from(rowId, 'latin1').toString('hex'),
    ordinal,
    code: 'id_twice',
    field,
    message,
    stage: 'loader',
  })
}
