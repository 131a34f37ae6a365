import { type FileHandle, open } from 'node:fs/promises'
import { type FrameHeader, headerBytes, isWhole, readHeader } from './record-line.ts'

/** Largest frame that a header may name, in bytes: what a request may send, with room for the columns. */
const frameBytesMax = 1024 * 1024 * 1024

export type StoredFrame = FrameHeader & {
  /** Where the frame begins in the file. */
  readonly position: number
  /** Its lines. */
  readonly lines: Buffer
}

/**
 * The frames of a segment from its start, whole ones only: it ends before the first that is torn or not a frame.
 * Holds one frame in memory.
 */
export async function* readFrames(path: string): AsyncGenerator<StoredFrame> {
  const file = await open(path, 'r')
  try {
    let position = 0
    for (;;) {
      const header = readHeader(await readAt(file, position, headerBytes))
      if (header === null || header.bytes > frameBytesMax) return
      const frame = await readAt(file, position, headerBytes + header.bytes)
      if (frame.length < headerBytes + header.bytes || !isWhole(frame)) return
      yield { ...header, position, lines: frame.subarray(headerBytes) }
      position += frame.length
    }
  } finally {
    await file.close()
  }
}

/** Up to `bytes` bytes, fewer at the end of the file. */
async function readAt(file: FileHandle, position: number, bytes: number): Promise<Buffer> {
  const { size } = await file.stat()
  const buffer = Buffer.allocUnsafe(Math.max(0, Math.min(bytes, size - position)))
  let length = 0
  while (length < buffer.length) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length, position + length)
    if (bytesRead === 0) break
    length += bytesRead
  }
  return buffer.subarray(0, length)
}
