import type { KeptReader, KeptSet } from '../mirror/kept.ts'
import { resyncRequired } from '../mirror/resync-required.ts'
import type { TableRef } from '../warehouse.ts'
import { type KeptHead, unpackHead } from './bucket-digests.ts'
import { entriesOfBucket, joinEntries, type KeptEntries, noEntries, unpackEntries } from './kept-entries.ts'

/** Blobs that are asked for together, before they are needed. */
const aheadMax = 32

/** The rows that the last run kept, by bucket. Throws `resync_required` when something of them is gone. */
export class KeptBuckets {
  readonly head: KeptHead
  readonly blobs: KeptSet['blobs']
  readonly #kept: KeptReader
  readonly #table: TableRef
  readonly #isKeyed: boolean
  #ahead: ReadonlyMap<number, Buffer> = new Map()
  #last: { readonly bucket: number; readonly entries: KeptEntries } | null = null

  private constructor(kept: KeptReader, table: TableRef, isKeyed: boolean, head: KeptHead, blobs: KeptSet['blobs']) {
    this.#kept = kept
    this.#table = table
    this.#isKeyed = isKeyed
    this.head = head
    this.blobs = blobs
  }

  static async open(kept: KeptReader, id: string, table: TableRef, isKeyed: boolean): Promise<KeptBuckets> {
    const set = await kept.set(id)
    if (set === null) throw resyncRequired(table, 'snapshot_gone')
    return new KeptBuckets(kept, table, isKeyed, await unpackHead(set.head), set.blobs)
  }

  /** Entries of a bucket of `bits`; `next` are buckets that will be asked for after it, in order, when they are as fine as the kept ones. */
  async entries(bucket: number, bits: number, next: readonly number[]): Promise<KeptEntries> {
    const { bits: keptBits } = this.head
    if (bits === keptBits) return await this.#load(bucket, next)
    if (bits > keptBits) return entriesOfBucket(await this.#load(bucket >> (bits - keptBits), []), bucket, bits)
    const parts: KeptEntries[] = []
    const first = bucket << (keptBits - bits)
    const end = (bucket + 1) << (keptBits - bits)
    for (let each = first; each < end; each++) parts.push(await this.#load(each, []))
    return joinEntries(parts)
  }

  async #load(bucket: number, next: readonly number[]): Promise<KeptEntries> {
    if (this.#last?.bucket === bucket) return this.#last.entries
    const id = this.blobs[bucket] ?? null
    const entries = id === null ? noEntries : await unpackEntries(await this.#blob(bucket, next), this.#isKeyed)
    this.#last = { bucket, entries }
    return entries
  }

  async #blob(bucket: number, next: readonly number[]): Promise<Buffer> {
    if (!this.#ahead.has(bucket)) {
      const wanted = [bucket, ...next.slice(0, aheadMax - 1)].filter((each) => this.blobs[each])
      const found = await this.#kept.blobs(wanted.map((each) => this.blobs[each] as string))
      this.#ahead = new Map(
        wanted.flatMap((each) => {
          const bytes = found.get(this.blobs[each] as string)
          return bytes === undefined ? [] : [[each, bytes] as const]
        }),
      )
    }
    const bytes = this.#ahead.get(bucket)
    if (bytes === undefined) throw resyncRequired(this.#table, 'snapshot_gone')
    return bytes
  }
}
