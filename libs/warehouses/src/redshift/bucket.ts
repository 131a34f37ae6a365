import type { Readable } from 'node:stream'
import { DeleteObjectsCommand, GetObjectCommand, ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3'
import { WarehouseError } from '../warehouse-error.ts'
import { awsError, nameOf } from './errors.ts'

/** Millrace's part of the customer's bucket. */
export class Bucket {
  readonly name: string
  /** Of all keys: `millrace/`. */
  readonly prefix: string
  readonly #s3: S3Client

  constructor(s3: S3Client, name: string, prefix: string) {
    this.#s3 = s3
    this.name = name
    this.prefix = prefix
  }

  /** `s3://bucket/prefix/` and the path. */
  place(path: string): string {
    return `s3://${this.name}/${this.prefix}${path}`
  }

  /** An object as a stream; null when there is none. Throws `WarehouseError`. */
  async open(path: string, signal: AbortSignal): Promise<Readable | null> {
    try {
      const { Body } = await this.#s3.send(new GetObjectCommand({ Bucket: this.name, Key: this.prefix + path }), {
        abortSignal: signal,
      })
      return (Body as Readable | undefined) ?? null
    } catch (error) {
      signal.throwIfAborted()
      if (nameOf(error) === 'NoSuchKey') return null
      throw awsError(error)
    }
  }

  /** An object of at most `bytesMax` as text; null when there is none. */
  async text(path: string, bytesMax: number, signal: AbortSignal): Promise<string | null> {
    const body = await this.open(path, signal)
    if (body === null) return null
    const parts: Buffer[] = []
    let bytes = 0
    try {
      for await (const part of body as AsyncIterable<Buffer>) {
        bytes += part.length
        if (bytes > bytesMax) throw tooLarge()
        parts.push(part)
      }
    } catch (error) {
      signal.throwIfAborted()
      throw awsError(error)
    }
    return Buffer.concat(parts).toString('utf8')
  }

  /** The paths below a path, at most 1,000 at a time. */
  async *list(path: string, signal: AbortSignal): AsyncGenerator<readonly string[]> {
    let ContinuationToken: string | undefined
    do {
      const input = {
        Bucket: this.name,
        Prefix: this.prefix + path,
        ...(ContinuationToken ? { ContinuationToken } : {}),
      }
      const page = await this.#told(signal, () =>
        this.#s3.send(new ListObjectsV2Command(input), { abortSignal: signal }),
      )
      yield (page.Contents ?? []).flatMap(({ Key }) => (Key === undefined ? [] : [Key.slice(this.prefix.length)]))
      ContinuationToken = page.NextContinuationToken
    } while (ContinuationToken !== undefined)
  }

  /** Removes all that is below a path; safe to repeat. */
  async removeAll(path: string, signal: AbortSignal): Promise<void> {
    for await (const paths of this.list(path, signal)) {
      if (paths.length === 0) continue
      const Objects = paths.map((each) => ({ Key: this.prefix + each }))
      const { Errors = [] } = await this.#told(signal, () =>
        this.#s3.send(new DeleteObjectsCommand({ Bucket: this.name, Delete: { Objects, Quiet: true } }), {
          abortSignal: signal,
        }),
      )
      const [failed] = Errors
      if (failed !== undefined) throw awsError(Object.assign(new Error(), { name: failed.Code ?? 'AccessDenied' }))
    }
  }

  async #told<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      signal.throwIfAborted()
      throw awsError(error)
    }
  }
}

function tooLarge(): WarehouseError {
  return new WarehouseError(
    'protocol_error',
    'The manifest of the unloaded rows is larger than 64 MB.',
    'Sync views that hold smaller parts of the data.',
  )
}
