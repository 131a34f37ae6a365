import {
  closeSync,
  constants,
  fdatasync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  unlinkSync,
  write,
} from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { MillraceError } from '@millrace/domain/errors.ts'
import { failpoint } from '@millrace/telemetry/failpoint.ts'
import { readFrames } from './frame-reader.ts'
import { type FrameBuilder, headerBytes, type RecordKind } from './record-line.ts'

export type Segment = {
  readonly path: string
  readonly firstSequence: number
  /** Sequence of the record after its last one. */
  readonly endSequence: number
  readonly kinds: ReadonlySet<RecordKind>
}

export type SegmentLogOptions = {
  readonly dir: string
  /** A segment that has reached this size is sealed. */
  readonly segmentBytesMax: number
  /** Called once, when a write or a sync has failed: nothing can be promised any more until a restart. */
  onFailure(error: Error): void
}

/** The log cannot write, so nothing more is taken. */
export class LogFailedError extends MillraceError {
  constructor(cause: unknown) {
    super('log_failed', 'The log cannot be written.', 'See the log of the service for the reason, then restart it.', {
      cause,
    })
  }
}

/**
 * A segment with so many records is sealed as well: a row group of DuckDB, which then goes to its place in the file at
 * once. What is beyond whole row groups is written three times: write-ahead log, checkpoint, file.
 */
const segmentRecordsMax = 122_880

type Waiting = {
  readonly frame: Buffer
  readonly kind: RecordKind
  readonly endSequence: number
  done(error?: Error): void
}
type SealWish = { readonly sequence: number; done(): void }

const writeFile = promisify(write)
const syncData = promisify(fdatasync)

/**
 * What a project has received, in order, on disk before `append` resolves. All frames that wait while a sync runs go
 * with the next one: many requests share one fdatasync.
 *
 * Delivery: a record whose `append` resolved is there after any crash; one whose `append` did not may be there or not,
 * whole frames only. Proved by test/segment-log.test.ts and test/crash.test.ts.
 */
export class SegmentLog {
  readonly #options: SegmentLogOptions
  #fd: number
  #path: string
  #bytes: number
  #firstSequence: number
  #endSequence: number
  /** Like #endSequence, for what is on disk. */
  #writtenSequence: number
  #kinds: Set<RecordKind>
  #waiting: Waiting[] = []
  #writing: Promise<void> | null = null
  #failure: Error | null = null
  #sealWishes: SealWish[] = []
  /** Sealed and not yet dropped, oldest first. */
  readonly sealed: Segment[]

  private constructor(options: SegmentLogOptions, sealed: Segment[], active: Segment, bytes: number) {
    this.#options = options
    this.sealed = sealed
    this.#path = active.path
    this.#bytes = bytes
    this.#firstSequence = active.firstSequence
    this.#endSequence = active.endSequence
    this.#writtenSequence = active.endSequence
    this.#kinds = new Set(active.kinds)
    this.#fd = openSync(active.path, constants.O_WRONLY | constants.O_CREAT, 0o600)
    // What a crash cut short was never acknowledged.
    ftruncateSync(this.#fd, bytes)
    fsyncSync(this.#fd)
    syncDirectory(options.dir)
  }

  /** Opens the log of a folder that exists, and cuts a torn frame off its end. */
  static async open(options: SegmentLogOptions): Promise<SegmentLog> {
    const names = readdirSync(options.dir)
      .filter((name) => /^\d{16}\.segment$/.test(name))
      .sort()
    const segments: Segment[] = []
    let bytes = 0
    for (const name of names) {
      const segment = await readSegment(path.join(options.dir, name))
      bytes = segment.bytes
      segments.push(segment)
    }
    const active = segments.pop() ?? emptySegment(options.dir, 1)
    return new SegmentLog(options, segments, active, bytes)
  }

  /** Sequence of the next record; a frame built from it must be given to `append` before anything is awaited. */
  get nextSequence(): number {
    return this.#endSequence
  }

  get activeRecords(): number {
    return this.#endSequence - this.#firstSequence
  }

  /** Resolves when the frame is on disk. Rejects with LogFailedError: it may be there or not. */
  append(builder: FrameBuilder): Promise<void> {
    if (this.#failure !== null) return Promise.reject(new LogFailedError(this.#failure))
    if (builder.firstSequence !== this.#endSequence) throw new Error('a frame was built for another place in the log')
    this.#endSequence += builder.records
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#waiting.push({
      frame: builder.finish(),
      kind: builder.kind,
      endSequence: this.#endSequence,
      done: (error) => (error === undefined ? resolve() : reject(error)),
    })
    this.#writing ??= this.#writeWaiting()
    return promise
  }

  /** Seals what has been appended so far; resolves when it is sealed, at once when there is nothing. */
  async seal(): Promise<void> {
    if (this.#failure !== null || this.activeRecords === 0) return
    if (this.#writing === null) {
      this.#rotate()
      return
    }
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#sealWishes.push({ sequence: this.#endSequence, done: resolve })
    await promise
  }

  /** Removes sealed segments whose records all come before `sequence`. */
  drop(sequence: number): void {
    for (let first = this.sealed[0]; first !== undefined && first.endSequence <= sequence; first = this.sealed[0]) {
      unlinkSync(first.path)
      this.sealed.shift()
    }
  }

  async close(): Promise<void> {
    while (this.#writing !== null) await this.#writing
    closeSync(this.#fd)
  }

  async #writeWaiting(): Promise<void> {
    // Frames that arrive in this turn of the event loop go together.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#waiting.length > 0) {
      const batch = this.#waiting
      this.#waiting = []
      try {
        await this.#write(batch)
        for (const { done } of batch) done()
      } catch (error) {
        this.#fail(error as Error, batch)
      }
    }
    this.#writing = null
  }

  async #write(batch: readonly Waiting[]): Promise<void> {
    for (const { frame, kind, endSequence } of batch) {
      for (let at = 0; at < frame.length; ) {
        const { bytesWritten } = await writeFile(this.#fd, frame, at, frame.length - at, this.#bytes)
        at += bytesWritten
        this.#bytes += bytesWritten
      }
      this.#kinds.add(kind)
      this.#writtenSequence = endSequence
    }
    await failpoint('ingestion.beforeSync')
    await syncData(this.#fd)
    await failpoint('ingestion.afterSync')
    const granted = this.#sealWishes.filter(({ sequence }) => sequence <= this.#writtenSequence)
    const isFull =
      this.#bytes >= this.#options.segmentBytesMax || this.#writtenSequence - this.#firstSequence >= segmentRecordsMax
    if (granted.length > 0 || isFull) this.#rotate()
    this.#sealWishes = this.#sealWishes.filter((wish) => !granted.includes(wish))
    for (const { done } of granted) done()
  }

  #rotate(): void {
    const { dir } = this.#options
    this.sealed.push({
      path: this.#path,
      firstSequence: this.#firstSequence,
      endSequence: this.#writtenSequence,
      kinds: this.#kinds,
    })
    closeSync(this.#fd)
    const next = emptySegment(dir, this.#writtenSequence)
    this.#fd = openSync(next.path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600)
    syncDirectory(dir)
    this.#path = next.path
    this.#firstSequence = next.firstSequence
    this.#kinds = new Set()
    this.#bytes = 0
  }

  /** After a failed sync the kernel may have dropped the pages: trying again would prove nothing. */
  #fail(error: Error, batch: readonly Waiting[]): void {
    this.#failure = error
    for (const { done } of [...batch, ...this.#waiting]) done(new LogFailedError(error))
    this.#waiting = []
    for (const { done } of this.#sealWishes) done()
    this.#sealWishes = []
    this.#options.onFailure(error)
  }
}

function emptySegment(dir: string, firstSequence: number): Segment {
  const name = `${String(firstSequence).padStart(16, '0')}.segment`
  return { path: path.join(dir, name), firstSequence, endSequence: firstSequence, kinds: new Set() }
}

async function readSegment(file: string): Promise<Segment & { readonly bytes: number }> {
  const firstSequence = Number.parseInt(path.basename(file), 10)
  const kinds = new Set<RecordKind>()
  let endSequence = firstSequence
  let bytes = 0
  for await (const frame of readFrames(file)) {
    if (frame.firstSequence !== endSequence) break
    endSequence += frame.records
    kinds.add(frame.kind)
    bytes = frame.position + headerBytes + frame.bytes
  }
  return { path: file, firstSequence, endSequence, kinds, bytes }
}

function syncDirectory(dir: string): void {
  const fd = openSync(dir, 'r')
  fsyncSync(fd)
  closeSync(fd)
}
