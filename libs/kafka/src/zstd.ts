import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'

/**
 * zstd for record batches, in one call each and with buffers of the right size. Measured on 257 KB (500 updates): 0.34 ms
 * instead of 0.72 to compress and 0.15 instead of 0.34 to expand, against the asynchronous functions with their buffers of
 * 16 KB; for that the event loop stands still as long as it does to make such a batch.
 */
const level = 1
/** More than any record batch holds: brokers refuse larger messages. */
const expandedBytesMax = 256 * 1024 * 1024
const chunkBytes = { least: 64 * 1024, unknown: 256 * 1024, most: 16 * 1024 * 1024 }

export function compressZstd(plain: Buffer): Buffer {
  return zstdCompressSync(plain, {
    params: { [constants.ZSTD_c_compressionLevel]: level },
    // Rows compress 4:1, so one chunk holds the result.
    chunkSize: Math.max(chunkBytes.least, plain.length >>> 1),
  })
}

/** Throws for bytes that are no zstd frame. */
export function expandZstd(frames: Buffer): Buffer {
  const { size = chunkBytes.unknown, isAlone } = lookAtFrame(frames)
  // With room to spare Node stops at the end of the first frame; without, it makes another chunk ready that nobody needs:
  // twice the memory, 0.46 instead of 0.39 µs per record.
  const wanted = size + (isAlone ? 1 : 0)
  const chunkSize = Math.min(chunkBytes.most, Math.max(chunkBytes.least, wanted))
  return zstdDecompressSync(frames, { chunkSize, maxOutputLength: expandedBytesMax })
}

/**
 * The size of the first frame's content, when the frame says it, and whether nothing follows it:
 * https://www.rfc-editor.org/rfc/rfc8878#section-3.1.1
 *
 *   frame      = magic descriptor window? dictionary{0,1,2,4} size{0,1,2,4,8} block* checksum?       numbers are little endian
 *   descriptor = flag of size (2 bits) single-segment (1) unused (1) reserved (1) checksum (1) flag of dictionary (2)
 *   block      = size (21 bits) type (2) last (1), then as many bytes; one byte for a repeated one (type 1)
 */
export function lookAtFrame(frame: Buffer): { readonly size: number | undefined; readonly isAlone: boolean } {
  if (frame.length < 18 || frame.readUInt32LE(0) !== 0xfd2fb528) return { size: undefined, isAlone: true }
  const descriptor = frame[4]!
  const single = (descriptor & 0x20) !== 0
  const at = 5 + (single ? 0 : 1) + [0, 1, 2, 4][descriptor & 3]!
  const sizeBytes = [single ? 1 : 0, 2, 4, 8][descriptor >>> 6]!
  const checksumBytes = (descriptor & 4) === 0 ? 0 : 4
  const end = endOfBlocks(frame, at + sizeBytes) + checksumBytes
  return { size: contentSize(frame, at, sizeBytes), isAlone: end === frame.length }
}

function contentSize(frame: Buffer, at: number, bytes: number): number | undefined {
  if (bytes === 0) return undefined
  if (bytes === 8) return Number(frame.readBigUInt64LE(at))
  return frame.readUIntLE(at, bytes) + (bytes === 2 ? 256 : 0)
}

function endOfBlocks(frame: Buffer, at: number): number {
  while (at + 3 <= frame.length) {
    const head = frame.readUIntLE(at, 3)
    at += 3 + (((head >>> 1) & 3) === 1 ? 1 : head >>> 3)
    if ((head & 1) === 1) break
  }
  return at
}
