/** What the records of a run of a mirror have in common of their version; each one's ordinal is the rest of it. */
export type RunVersion = { readonly generation: number; readonly runSeq: number }

/**
 * The bodies of one request, as ranges of the buffers they came in (Kafka messages): nothing is copied or allocated per
 * record before the request is made. Body n is [starts[n], ends[n]) of buffers[sources[n]].
 *
 * A destination that keeps versions takes the records of a mirror as operations on them; others are sent as they are.
 */
export class RecordBatch {
  readonly recordsMax: number
  readonly buffers: Buffer[] = []
  readonly sources: Uint16Array
  readonly starts: Int32Array
  readonly ends: Int32Array
  /** Index of the operation in `updateOps`. */
  readonly ops: Uint8Array
  /** Place of the row in its chunk. */
  readonly ordinals: Float64Array
  /** null for records that are no operations on versions. */
  readonly version: RunVersion | null
  length = 0
  /** Bytes of the bodies with a separator each. */
  bytes = 0

  constructor(recordsMax: number, version: RunVersion | null = null) {
    this.recordsMax = recordsMax
    this.version = version
    this.sources = new Uint16Array(recordsMax)
    this.starts = new Int32Array(recordsMax)
    this.ends = new Int32Array(recordsMax)
    this.ops = new Uint8Array(recordsMax)
    this.ordinals = new Float64Array(recordsMax)
  }

  /** Makes a buffer known; bodies added from now on can lie in it. */
  addBuffer(buffer: Buffer): number {
    return this.buffers.push(buffer) - 1
  }

  /** The body lies at [start, end) of the buffer with this index. */
  add(source: number, start: number, end: number, op = 0, ordinal = 0): void {
    const at = this.length++
    this.sources[at] = source
    this.starts[at] = start
    this.ends[at] = end
    this.ops[at] = op
    this.ordinals[at] = ordinal
    this.bytes += end - start + 1
  }
}

/** A batch of whole buffers, for callers that are not in a hurry. */
export function batchOf(bodies: readonly Buffer[]): RecordBatch {
  const batch = new RecordBatch(bodies.length)
  for (const body of bodies) batch.add(batch.addBuffer(body), 0, body.length)
  return batch
}
