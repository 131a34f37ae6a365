import { createHash } from 'node:crypto'
import { createReadStream, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Readable } from 'node:stream'

export type StoredObject = { readonly key: string; readonly bytes: number; readonly modifiedMs: number }

/** Objects of one bucket as files of a folder. */
export class ObjectStore {
  readonly bucket: string
  readonly #dir: string

  constructor(bucket: string, dir: string) {
    this.bucket = bucket
    this.#dir = path.join(dir, bucket)
    mkdirSync(this.#dir, { recursive: true })
  }

  /** In the order of their keys, as S3 lists them. */
  list(prefix: string): readonly StoredObject[] {
    return readdirSync(this.#dir)
      .filter((name) => !name.startsWith('.'))
      .map((name) => decodeURIComponent(name))
      .filter((key) => key.startsWith(prefix))
      .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      .map((key) => this.find(key))
      .filter((object) => object !== null)
  }

  find(key: string): StoredObject | null {
    const found = statSync(this.#file(key), { throwIfNoEntry: false })
    return found === undefined ? null : { key, bytes: found.size, modifiedMs: found.mtimeMs }
  }

  read(key: string, range?: { readonly start: number; readonly end: number }): Readable {
    return createReadStream(this.#file(key), range)
  }

  put(key: string, content: Buffer | string): string {
    writeFileSync(this.#file(key), content)
    return createHash('md5').update(content).digest('hex')
  }

  remove(key: string): void {
    rmSync(this.#file(key), { force: true })
  }

  /** A file that is not listed before `adopt` makes an object of it. */
  pendingFile(id: string): string {
    return path.join(this.#dir, `.${id}`)
  }

  adopt(pendingFile: string, key: string): void {
    renameSync(pendingFile, this.#file(key))
  }

  /** encodeURIComponent leaves no slash and no leading dot of a path behind. */
  #file(key: string): string {
    return path.join(this.#dir, encodeURIComponent(key).replace(/^\./, '%2E'))
  }
}
