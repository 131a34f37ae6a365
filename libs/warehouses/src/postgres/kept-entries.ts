import { promisify } from 'node:util'
import { zstdCompress, zstdDecompress } from 'node:zlib'
import { checksumBytes, identityBytes } from './mirror-statements.ts'

const compress = promisify(zstdCompress)
const decompress = promisify(zstdDecompress)

/** More than any bucket has that fits a run's memory. */
const plainBytesMax = 1024 * 1024 * 1024

/**
 * What is kept of the rows of one bucket, in the order of their identities.
 *
 *   blob = zstd( uint32(count) identity[count] checksum[count] uint32(length of before)[count] before[count] )
 *
 *   identity   32 bytes: digest of the key, or of the whole row when it has none
 *   checksum   16 bytes: the beginning of the row's digest; none for tables without a key, whose identity it is
 *   before     Avro encoding of the before-columns: what deletes and updates of the row will carry
 */
export type KeptEntries = {
  readonly count: number
  readonly identities: Buffer
  readonly checksums: Buffer
  /** Where the before-image of each entry ends in `befores`. */
  readonly ends: Uint32Array
  readonly befores: Buffer
}

export const noEntries: KeptEntries = {
  count: 0,
  identities: Buffer.alloc(0),
  checksums: Buffer.alloc(0),
  ends: new Uint32Array(0),
  befores: Buffer.alloc(0),
}

export function beforeOf({ ends, befores }: KeptEntries, i: number): Buffer {
  return befores.subarray(i === 0 ? 0 : ends[i - 1], ends[i])
}

export async function packEntries({ count, identities, checksums, ends, befores }: KeptEntries): Promise<Buffer> {
  const head = Buffer.alloc(4)
  head.writeUInt32LE(count)
  // Lengths repeat, ends do not.
  const lengths = Buffer.alloc(4 * count)
  for (let i = 0; i < count; i++) lengths.writeUInt32LE(ends[i]! - (i === 0 ? 0 : ends[i - 1]!), 4 * i)
  return await compress(Buffer.concat([head, identities, checksums, lengths, befores]))
}

export async function unpackEntries(blob: Buffer, isKeyed: boolean): Promise<KeptEntries> {
  const plain = await decompress(blob, { maxOutputLength: plainBytesMax })
  const count = plain.readUInt32LE(0)
  const checksumsAt = 4 + count * identityBytes
  const lengthsAt = checksumsAt + (isKeyed ? count * checksumBytes : 0)
  const beforesAt = lengthsAt + 4 * count
  const ends = new Uint32Array(count)
  let end = 0
  for (let i = 0; i < count; i++) {
    end += plain.readUInt32LE(lengthsAt + 4 * i)
    ends[i] = end
  }
  return {
    count,
    identities: plain.subarray(4, checksumsAt),
    checksums: plain.subarray(checksumsAt, lengthsAt),
    ends,
    befores: plain.subarray(beforesAt),
  }
}

/** The entries whose identities begin with the bits of the bucket. */
export function entriesOfBucket(entries: KeptEntries, bucket: number, bits: number): KeptEntries {
  return sliceOf(entries, firstOf(entries, bucket, bits), firstOf(entries, bucket + 1, bits))
}

/** Entries of several buckets, in their order, as those of one. */
export function joinEntries(parts: readonly KeptEntries[]): KeptEntries {
  const count = parts.reduce((sum, part) => sum + part.count, 0)
  const ends = new Uint32Array(count)
  let at = 0
  let bytes = 0
  for (const part of parts) {
    for (let i = 0; i < part.count; i++) ends[at++] = bytes + part.ends[i]!
    bytes += part.befores.length
  }
  return {
    count,
    identities: Buffer.concat(parts.map(({ identities }) => identities)),
    checksums: Buffer.concat(parts.map(({ checksums }) => checksums)),
    ends,
    befores: Buffer.concat(parts.map(({ befores }) => befores)),
  }
}

function sliceOf(entries: KeptEntries, from: number, to: number): KeptEntries {
  const { identities, checksums, ends, befores } = entries
  const start = from === 0 ? 0 : ends[from - 1]!
  const width = entries.count === 0 ? 0 : checksums.length / entries.count
  return {
    count: to - from,
    identities: identities.subarray(from * identityBytes, to * identityBytes),
    checksums: checksums.subarray(from * width, to * width),
    ends: ends.slice(from, to).map((end) => end - start),
    befores: befores.subarray(start, to === 0 ? 0 : ends[to - 1]),
  }
}

/** The place of the first entry that belongs to the bucket or to a later one. */
function firstOf({ count, identities }: KeptEntries, bucket: number, bits: number): number {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >> 1
    if (identities.readUInt16BE(middle * identityBytes) >> (16 - bits) < bucket) low = middle + 1
    else high = middle
  }
  return low
}
