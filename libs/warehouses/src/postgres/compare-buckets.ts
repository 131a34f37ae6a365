import type { KeptWriter } from '../mirror/kept.ts'
import { type BucketChange, compareBucket, entriesAfter } from './bucket-change.ts'
import type { BucketDigest } from './bucket-digests.ts'
import { type ChangedRowsRequest, readChangedRows } from './changed-rows.ts'
import type { KeptBuckets } from './kept-buckets.ts'
import { noEntries, packEntries } from './kept-entries.ts'
import { entriesStatement } from './mirror-statements.ts'

/** Changed rows that are read together: their places and old values are held in memory. */
const rowsTogether = 20_000
/** Rows of buckets that are held until their changed rows are read. */
const rowsHeldMax = 200_000
/** Buckets fetched at once, and blobs written at once. */
const bucketsTogether = 32

export type Comparing = {
  readonly rows: ChangedRowsRequest
  readonly keep: KeptWriter
  /** null for a first run. */
  readonly last: KeptBuckets | null
}

/** What is kept after the comparison, by bucket. */
export type ComparedBuckets = {
  readonly digests: readonly string[]
  readonly rows: readonly number[]
  readonly blobs: readonly (string | null)[]
}

/** Looks into the buckets whose digest is not the kept one, in their order, with as many in memory as one reads rows for. */
export async function compareBuckets(
  comparing: Comparing,
  bits: number,
  digests: readonly BucketDigest[],
): Promise<ComparedBuckets> {
  const { rows: request, keep, last } = comparing
  const isKeyed = request.compared.identity.length > 0
  const isAsFine = last !== null && last.head.bits === bits
  const texts = digests.map(({ text }) => text)
  const rows = isAsFine ? [...last.head.rows] : texts.map(() => 0)
  const blobs: (string | null)[] = isAsFine ? [...last.blobs] : texts.map(() => null)
  const changed = isAsFine ? [...texts.keys()].filter((b) => texts[b] !== last.head.digests[b]) : [...texts.keys()]
  let held: BucketChange[] = []
  let heldRows = 0
  let changedRows = 0
  const settle = async () => {
    await readChangedRows(request, held)
    await keepBuckets(keep, held, rows, blobs, isAsFine)
    if (request.writer.isFull) await request.writer.flush()
    held = []
    heldRows = 0
    changedRows = 0
  }
  const isAll = changed.length === texts.length
  let n = 0
  for await (const [bucket, packed] of packedBuckets(request, bits, changed, isAll)) {
    const old = last === null ? noEntries : await last.entries(bucket, bits, changed.slice(n + 1, n + bucketsTogether))
    n++
    const change = compareBucket(bucket, packed, isKeyed, old, request.writer)
    held.push(change)
    heldRows += change.count
    changedRows += change.changed.length
    if (changedRows >= rowsTogether || heldRows >= rowsHeldMax || request.writer.isFull) await settle()
  }
  await settle()
  return { digests: texts, rows, blobs }
}

/** The changed buckets in their order, with their rows as the database packs them; nothing for those that are empty now. */
async function* packedBuckets(
  { session: { client }, compared }: ChangedRowsRequest,
  bits: number,
  buckets: readonly number[],
  isAll: boolean,
): AsyncGenerator<readonly [bucket: number, packed: Buffer]> {
  if (buckets.length === 0) return
  await client.query(`DECLARE buckets NO SCROLL CURSOR FOR ${entriesStatement(compared, bits)}`, [
    isAll ? null : buckets,
  ])
  let next = 0
  for (;;) {
    const { rows } = await client.query<{ b: number; entries: Buffer }>(`FETCH ${bucketsTogether} FROM buckets`)
    for (const { b, entries } of rows) {
      while (buckets[next] !== b) yield [emptied(buckets, next++), Buffer.alloc(0)]
      next++
      yield [b, entries]
    }
    if (rows.length < bucketsTogether) break
  }
  while (next < buckets.length) yield [emptied(buckets, next++), Buffer.alloc(0)]
  await client.query('CLOSE buckets')
}

function emptied(buckets: readonly number[], at: number): number {
  const bucket = buckets[at]
  if (bucket === undefined) throw new Error('the database gave a bucket that was not asked for')
  return bucket
}

/** Keeps the buckets of which something has changed anew. */
async function keepBuckets(
  keep: KeptWriter,
  held: readonly BucketChange[],
  rows: number[],
  blobs: (string | null)[],
  isAsFine: boolean,
): Promise<void> {
  const fresh = held.filter(({ changed, deletes }) => changed.length > 0 || deletes > 0 || !isAsFine)
  for (let from = 0; from < fresh.length; from += bucketsTogether) {
    const some = fresh.slice(from, from + bucketsTogether)
    const filled = some.filter(({ count }) => count > 0)
    const contents = await Promise.all(filled.map((change) => packEntries(entriesAfter(change))))
    const ids = contents.length === 0 ? [] : await keep.putBlobs(contents)
    for (const { bucket, count } of some) {
      rows[bucket] = count
      blobs[bucket] = null
    }
    filled.forEach(({ bucket }, i) => {
      blobs[bucket] = ids[i]!
    })
  }
}
