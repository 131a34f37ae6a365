/**
 * The bodies of one request, as ranges of the buffers they came in (Kafka messages): nothing is copied or allocated per
 * record before the request is made. Body n is [starts[n], ends[n]) of buffers[sources[n]].
 */
export class RecordBatch {
  readonly recordsMax: number
  readonly buffers: Buffer[] = []
  readonly sources: Uint16Array
  readonly starts: Int32Array
  readonly ends: Int32Array
  length = 0
  /** Bytes of the bodies with a separator each. */
  bytes = 0

  constructor(recordsMax: number) {
    this.recordsMax = recordsMax
    this.sources = new Uint16Array(recordsMax)
    this.starts = new Int32Array(recordsMax)
    this.ends = new Int32Array(recordsMax)
  }

  /** Makes a buffer known; bodies added from now on can lie in it. */
  addBuffer(buffer: Buffer): number {
    return this.buffers.push(buffer) - 1
  }

  /** The body lies at [start, end) of the buffer with this index. */
  add(source: number, start: number, end: number): void {
    const at = this.length++
    this.sources[at] = source
    this.starts[at] = start
    this.ends[at] = end
    this.bytes += end - start + 1
  }
}

/** A batch of whole buffers, for callers that are not in a hurry. */
export function batchOf(bodies: readonly Buffer[]): RecordBatch {
  const batch = new RecordBatch(bodies.length)
  for (const body of bodies) batch.add(batch.addBuffer(body), 0, body.length)
  return batch
}
