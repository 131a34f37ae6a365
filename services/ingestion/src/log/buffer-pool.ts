/** Larger buffers are left to the garbage collector. */
const keptBytesMax = 4 * 1024 * 1024
/** Bytes that are kept for the next frames. */
const keptBytesTotalMax = 24 * 1024 * 1024

/**
 * Buffers of frames, used again: a fresh megabyte a request made the garbage collector's threads cost as much as the
 * whole validation.
 */
export class BufferPool {
  readonly #free: Buffer[] = []
  #freeBytes = 0

  /** A buffer of at least `bytes` bytes, whatever stands in it. */
  take(bytes: number): Buffer {
    for (let i = this.#free.length - 1; i >= 0; i--) {
      const buffer = this.#free[i]!
      if (buffer.length < bytes) continue
      this.#free.splice(i, 1)
      this.#freeBytes -= buffer.length
      return buffer
    }
    // Sizes of few kinds, so that one fits the next request as well.
    return Buffer.allocUnsafeSlow(Math.ceil(bytes / 262_144) * 262_144)
  }

  /** Takes a buffer back that nobody uses any more. */
  give(buffer: Buffer): void {
    if (buffer.length > keptBytesMax || this.#freeBytes + buffer.length > keptBytesTotalMax) return
    this.#free.push(buffer)
    this.#freeBytes += buffer.length
  }
}
