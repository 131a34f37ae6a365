import { promisify } from 'node:util'
import { zstdCompress, zstdDecompress } from 'node:zlib'

const compress = promisify(zstdCompress)
const decompress = promisify(zstdDecompress)
const plainBytesMax = 64 * 1024 * 1024

/** The finest buckets; coarser ones are sums of these. */
export const bitsMax = 14
/** Rows of a bucket when it is made: what is read and kept anew when one row of it changes. */
const bucketRows = 512

/** Rows and sums of a bucket (`digestsStatement`). */
export type BucketDigest = { readonly rows: number; readonly text: string }

/** What a set of kept rows says of itself. */
export type KeptHead = {
  /** Buckets are told by so many first bits of the identity. */
  readonly bits: number
  /** Of the sums: two 64-bit integers. */
  readonly salts: readonly [string, string]
  /** One per bucket. */
  readonly digests: readonly string[]
  /** Rows of each bucket that are kept: identical ones once. */
  readonly rows: readonly number[]
}

export type FoundDigest = { readonly b: number; readonly n: string; readonly s: string; readonly t: string }

/** Digests of all buckets of `bits`, from those of the finest ones that were found. */
export function foldDigests(found: readonly FoundDigest[], bits: number): readonly BucketDigest[] {
  const rows = new Array<number>(2 ** bits).fill(0)
  const first = new Array<bigint>(2 ** bits).fill(0n)
  const second = new Array<bigint>(2 ** bits).fill(0n)
  for (const { b, n, s, t } of found) {
    const bucket = b >> (bitsMax - bits)
    rows[bucket]! += Number(n)
    first[bucket]! += BigInt(s)
    second[bucket]! += BigInt(t)
  }
  return rows.map((count, i) => ({ rows: count, text: count === 0 ? '' : `${count} ${first[i]} ${second[i]}` }))
}

/** How fine the buckets of so many rows are: those of the last set unless the table has become four times as large, or an eighth. */
export function bitsFor(rows: number, last: number | null): number {
  const wanted = Math.min(bitsMax, Math.max(0, Math.ceil(Math.log2(rows / bucketRows))))
  if (last === null || wanted >= last + 2 || wanted <= last - 3) return wanted
  return last
}

export function packHead(head: KeptHead): Promise<Buffer> {
  return compress(Buffer.from(JSON.stringify(head)))
}

export async function unpackHead(bytes: Buffer): Promise<KeptHead> {
  const plain = await decompress(bytes, { maxOutputLength: plainBytesMax })
  return JSON.parse(plain.toString('utf8')) as KeptHead
}
