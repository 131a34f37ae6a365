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
export function expandZstd(frame: Buffer): Buffer {
  const size = contentSize(frame) ?? chunkBytes.unknown
  const chunkSize = Math.min(chunkBytes.most, Math.max(chunkBytes.least, size))
  return zstdDecompressSync(frame, { chunkSize, maxOutputLength: expandedBytesMax })
}

/**
 * The size of the content when the frame says it, https://www.rfc-editor.org/rfc/rfc8878#section-3.1.1.1
 *
 *   frame      = magic descriptor window? dictionary{0,1,2,4} size{0,1,2,4,8} …       numbers are little endian
 *   descriptor = flag of size (2 bits) single-segment (1) unused (1) reserved (1) checksum (1) flag of dictionary (2)
 */
export function contentSize(frame: Buffer): number | undefined {
  if (frame.length < 18 || frame.readUInt32LE(0) !== 0xfd2fb528) return undefined
  const descriptor = frame[4]!
  const single = (descriptor & 0x20) !== 0
  const at = 5 + (single ? 0 : 1) + [0, 1, 2, 4][descriptor & 3]!
  switch (descriptor >>> 6) {
    case 0:
      return single ? frame[at]! : undefined
    case 1:
      return frame.readUInt16LE(at) + 256
    case 2:
      return frame.readUInt32LE(at)
    default:
      return Number(frame.readBigUInt64LE(at))
  }
}
