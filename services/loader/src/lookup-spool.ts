import { createReadStream, createWriteStream } from 'node:fs'
import { appendFile, mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { UpdateCursor } from '@millrace/domain/wire/update-batch.ts'
import { countsOf, type EntryCounts } from './entry.ts'

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
    const lines: Buffer[] = []
    while (cursor.next()) {
      if (cursor.op === 'insert') counts.inserts++
      else if (cursor.op === 'update') counts.updates++
      else counts.deletes++
      if (cursor.op !== 'delete') lines.push(cursor.body(), lineEnd)
    }
    if (lines.length === 0) return
    await mkdir(this.#dir, { recursive: true })
    await appendFile(this.#file(header.chunk, header.attempt), Buffer.concat(lines))
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

  /** Writes the whole table as one CSV file and gives its path. */
  async assemble(headerLine: string): Promise<string> {
    await mkdir(this.#dir, { recursive: true })
    const table = path.join(this.#dir, 'table.csv')
    await writeFile(table, `${headerLine}\n`)
    for (const [chunk, { attempt, counts }] of this.#counting()) {
      if (!counts.some(({ inserts, updates }) => inserts + updates > 0)) continue
      await pipeline(createReadStream(this.#file(chunk, attempt)), createWriteStream(table, { flags: 'a' }))
    }
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
    return path.join(this.#dir, `${chunk}-${attempt}.csv`)
  }
}
