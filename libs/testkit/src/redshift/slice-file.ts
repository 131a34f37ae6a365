import { once } from 'node:events'
import { createWriteStream, rmSync, type WriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'
import { createGzip, type Gzip } from 'node:zlib'
import type { ObjectStore } from './object-store.ts'

export type SliceParts = {
  readonly store: ObjectStore
  /** Of the UNLOAD. */
  readonly id: string
  readonly prefix: string
  readonly slice: number
  /** Size on disk at which another file begins. */
  readonly bytesMax: number
  readonly isZipped: boolean
}

export type WrittenFile = {
  readonly key: string
  readonly pendingFile: string
  readonly bytes: number
  readonly rows: number
}

/** What one slice writes: one file, or several when it grows too large. A slice without rows writes an empty one. */
export class SliceFile {
  readonly #parts: SliceParts
  readonly #written: WrittenFile[] = []
  #open: {
    readonly file: WriteStream
    readonly zip: Gzip | null
    readonly key: string
    readonly path: string
    rows: number
  }

  constructor(parts: SliceParts) {
    this.#parts = parts
    this.#open = this.#begin(0)
  }

  async write(content: Buffer, rows: number): Promise<void> {
    const { file, zip } = this.#open
    const target = zip ?? file
    if (!target.write(content)) await once(target, 'drain')
    this.#open.rows += rows
    if (file.bytesWritten < this.#parts.bytesMax) return
    await this.#finish()
    this.#open = this.#begin(this.#written.length)
  }

  async end(): Promise<readonly WrittenFile[]> {
    await this.#finish()
    return this.#written
  }

  /** The files are removed; safe to call at any time. */
  abandon(): void {
    this.#open.zip?.destroy()
    this.#open.file.destroy()
    for (const path of [this.#open.path, ...this.#written.map(({ pendingFile }) => pendingFile)])
      rmSync(path, { force: true })
  }

  #begin(part: number) {
    const { store, id, prefix, slice, isZipped } = this.#parts
    const path = store.pendingFile(`${id}-${slice}-${part}`)
    const file = createWriteStream(path)
    // Errors come to light where the file is written or finished.
    file.on('error', () => undefined)
    const zip = isZipped ? createGzip({ level: 1 }) : null
    zip?.pipe(file)
    const digits = (n: number, width: number) => String(n).padStart(width, '0')
    return {
      file,
      zip,
      key: `${prefix}${digits(slice, 4)}_part_${digits(part, 2)}${isZipped ? '.gz' : ''}`,
      path,
      rows: 0,
    }
  }

  async #finish(): Promise<void> {
    const { file, zip, key, path, rows } = this.#open
    const done = finished(file)
    if (zip === null) file.end()
    else zip.end()
    await done
    this.#written.push({ key, pendingFile: path, bytes: file.bytesWritten, rows })
  }
}
