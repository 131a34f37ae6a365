import type { ChangesWriter } from './changes-writer.ts'
import { beforeOf, type KeptEntries } from './kept-entries.ts'
import { checksumBytes, identityBytes, placeBytes } from './mirror-statements.ts'

/** What became of a bucket: its rows now, and which of the old ones each of them is. */
export type BucketChange = {
  readonly bucket: number
  readonly count: number
  /** Rows as the database packs them (`entriesStatement`). */
  readonly packed: Buffer
  readonly width: number
  readonly old: KeptEntries
  /** Which old entry has the identity of each row; -1 = none. */
  readonly oldOf: Int32Array
  /** Rows that are new or have another checksum, in their order. */
  readonly changed: readonly number[]
  readonly deletes: number
  /** Before-image of each changed row as it is now, in the order of `changed`; filled when they are read. */
  readonly befores: Buffer[]
}

export function widthOf(isKeyed: boolean): number {
  return identityBytes + (isKeyed ? checksumBytes : 0) + placeBytes
}

/** Compares a bucket with what was kept of it, and sets the deletes aside. Both are in the order of identities. */
export function compareBucket(
  bucket: number,
  packed: Buffer,
  isKeyed: boolean,
  old: KeptEntries,
  writer: ChangesWriter,
): BucketChange {
  const width = widthOf(isKeyed)
  const count = packed.length / width
  if (!Number.isInteger(count)) throw new Error('the database packed the rows of a bucket otherwise')
  const oldOf = new Int32Array(count).fill(-1)
  const changed: number[] = []
  let deletes = 0
  let i = 0
  const remove = () => {
    writer.add('delete', old.identities, i * identityBytes, beforeOf(old, i), null, 0)
    deletes++
    i++
  }
  for (let j = 0; j < count; j++) {
    while (i < old.count && orderOf(old, i, packed, j * width) < 0) remove()
    const isKnown = i < old.count && orderOf(old, i, packed, j * width) === 0
    if (isKnown) oldOf[j] = i
    if (!isKnown || (isKeyed && !hasChecksum(old, i, packed, j * width + identityBytes))) changed.push(j)
    if (isKnown) i++
  }
  while (i < old.count) remove()
  return { bucket, count, packed, width, old, oldOf, changed, deletes, befores: new Array<Buffer>(changed.length) }
}

/** What is kept of the bucket from now on; call it when `befores` is filled. */
export function entriesAfter({ count, packed, width, old, oldOf, changed, befores }: BucketChange): KeptEntries {
  const isKeyed = width === widthOf(true)
  const identities = Buffer.allocUnsafe(count * identityBytes)
  const checksums = Buffer.allocUnsafe(isKeyed ? count * checksumBytes : 0)
  const ends = new Uint32Array(count)
  const parts: Buffer[] = []
  let end = 0
  let next = 0
  for (let j = 0; j < count; j++) {
    const at = j * width
    packed.copy(identities, j * identityBytes, at, at + identityBytes)
    if (isKeyed) packed.copy(checksums, j * checksumBytes, at + identityBytes, at + identityBytes + checksumBytes)
    const before = changed[next] === j ? befores[next++]! : beforeOf(old, oldOf[j]!)
    parts.push(before)
    end += before.length
    ends[j] = end
  }
  return { count, identities, checksums, ends, befores: Buffer.concat(parts) }
}

/** Below 0 when the identity of the old entry comes before the one at `at`. */
function orderOf({ identities }: KeptEntries, i: number, packed: Buffer, at: number): number {
  return identities.compare(packed, at, at + identityBytes, i * identityBytes, (i + 1) * identityBytes)
}

function hasChecksum({ checksums }: KeptEntries, i: number, packed: Buffer, at: number): boolean {
  return checksums.compare(packed, at, at + checksumBytes, i * checksumBytes, (i + 1) * checksumBytes) === 0
}
