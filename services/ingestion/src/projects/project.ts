import { randomUUID } from 'node:crypto'
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import path from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import type { Logger } from '@millrace/telemetry/logger.ts'
import type { Database } from '../index/database.ts'
import type { DatabasePool } from '../index/database-pool.ts'
import { dropSuperseded, indexedThrough, indexSegment } from '../index/index-segment.ts'
import { FrameBuilder, lineText } from '../log/record-line.ts'
import { SegmentLog } from '../log/segment-log.ts'
import type { ProjectSettings } from './project-settings.ts'
import { RateLimit } from './rate-limit.ts'

export type ProjectShared = {
  readonly pool: DatabasePool
  readonly log: Logger
  readonly segmentBytesMax: number
  readonly now: () => number
  /** The process cannot go on: a log or an index has failed. */
  fail(error: Error): void
}

/** Rounds without anything to index before superseded copies are removed. */
const idleRoundsBeforeCompaction = 10

/** Rounds after which a segment that still grows is sealed, so that DuckDB is never far behind. */
const roundsUnsealedMax = 10

/** One project: its log, which takes what comes in, and its DuckDB, which follows the log. */
export class Project {
  settings: ProjectSettings
  rate: RateLimit | null = null
  readonly log: SegmentLog
  readonly #dir: string
  readonly #shared: ProjectShared
  #indexing: Promise<void> | null = null
  #idleRounds = 0
  #sequenceSeen = 0
  #roundsUnsealed = 0
  #mayHaveCopies = true

  private constructor(dir: string, settings: ProjectSettings, log: SegmentLog, shared: ProjectShared) {
    this.#dir = dir
    this.log = log
    this.#shared = shared
    this.settings = settings
    this.configure(settings)
  }

  /** Opens the project in a folder that exists, recovers its log, and drops what DuckDB has already. */
  static async open(dir: string, settings: ProjectSettings, shared: ProjectShared): Promise<Project> {
    for (const name of ['log', 'lookup', 'temp']) mkdirSync(path.join(dir, name), { recursive: true })
    const log = await SegmentLog.open({
      dir: path.join(dir, 'log'),
      segmentBytesMax: shared.segmentBytesMax,
      onFailure: (error) => shared.fail(error),
    })
    return new Project(dir, settings, log, shared)
  }

  get id(): string {
    return this.settings.projectId
  }

  configure(settings: ProjectSettings): void {
    this.settings = settings
    const { recordsPerSecond } = settings.limits
    this.rate = recordsPerSecond === null ? null : new RateLimit(recordsPerSecond, this.#shared.now())
  }

  /** A turn of the background work, about once a second. */
  async tick(): Promise<void> {
    if (this.log.activeRecords > 0 || this.log.sealed.length > 0) {
      this.#idleRounds = 0
      // Under load segments fill and seal themselves, and small ones would only cost.
      const isStill = this.log.nextSequence === this.#sequenceSeen
      this.#sequenceSeen = this.log.nextSequence
      this.#roundsUnsealed++
      if (isStill || this.#roundsUnsealed >= roundsUnsealedMax) {
        await this.log.seal()
        this.#roundsUnsealed = 0
      }
      if (this.log.sealed.length > 0) await this.#index()
    } else if (this.#mayHaveCopies && ++this.#idleRounds >= idleRoundsBeforeCompaction) {
      const dropped = await this.#withDatabase(({ writer }) => dropSuperseded(writer))
      this.#mayHaveCopies = dropped > 0
      if (dropped > 0) this.#shared.log.info({ project: this.id, dropped }, 'removed superseded copies')
    }
  }

  /** Reads on a connection of its own, after everything that was acknowledged before the call is in DuckDB. */
  async read<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    const target = this.log.nextSequence
    await this.log.seal()
    while (this.log.sealed.some(({ firstSequence }) => firstSequence < target)) await this.#index()
    return await this.#withDatabase(async (database) => {
      const connection = await database.connect()
      try {
        return await work(connection)
      } finally {
        connection.closeSync()
      }
    })
  }

  /** Takes a lookup table whose CSV has been checked; resolves when it will be there after any crash. */
  async replaceLookupTable(tableId: string, csv: Buffer): Promise<void> {
    const { now } = this.#shared
    const fileName = `${now()}-${randomUUID()}.csv`
    const file = await open(path.join(this.#dir, 'lookup', fileName), 'wx', 0o600)
    await file.writeFile(csv)
    await file.sync()
    await file.close()
    const folder = await open(path.join(this.#dir, 'lookup'), 'r')
    await folder.sync()
    await folder.close()
    const frame = new FrameBuilder('l', this.log.nextSequence, 1024)
    frame.line(now(), lineText(tableId), lineText(fileName), '{}')
    await this.log.append(frame)
  }

  /**
   * Hard-deletes what an import has brought and what is acknowledged so far; with `beforeGeneration` its mirrored rows of
   * older generations, also those that arrive later.
   */
  async deleteImport(importId: string, beforeGeneration: number | null): Promise<void> {
    const frame = new FrameBuilder('d', this.log.nextSequence, 1024)
    frame.line(this.#shared.now(), lineText(importId), beforeGeneration === null ? '' : String(beforeGeneration), '{}')
    await this.log.append(frame)
  }

  async close(): Promise<void> {
    await this.#indexing
    await this.log.close()
  }

  /** One at a time; who calls while it runs waits for its end. */
  async #index(): Promise<void> {
    this.#indexing ??= this.#indexSealed().finally(() => {
      this.#indexing = null
    })
    await this.#indexing
  }

  async #indexSealed(): Promise<void> {
    await this.#withDatabase(async ({ writer }) => {
      for (let segment = this.log.sealed[0]; segment !== undefined; segment = this.log.sealed[0]) {
        await indexSegment(writer, segment, path.join(this.#dir, 'lookup'))
        this.log.drop(await indexedThrough(writer))
        if (segment.kinds.has('l')) this.#dropLookupFiles()
        this.#mayHaveCopies = true
      }
    })
  }

  /** Files of lookup tables are needed until DuckDB has their rows. */
  #dropLookupFiles(): void {
    if (this.log.sealed.length > 0 || this.log.activeRecords > 0) return
    const dir = path.join(this.#dir, 'lookup')
    const oldMs = this.#shared.now() - 3_600_000
    for (const name of readdirSync(dir)) if (Number.parseInt(name, 10) < oldMs) rmSync(path.join(dir, name))
  }

  async #withDatabase<T>(work: (database: Database) => Promise<T>): Promise<T> {
    const inside = (name: string) => path.join(this.#dir, name)
    return await this.#shared.pool.use(
      { file: inside('store.duckdb'), logDir: inside('log'), tempDir: inside('temp') },
      work,
    )
  }
}
