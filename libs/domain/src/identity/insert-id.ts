import { hash } from 'node:crypto'

/** Characters of an `$insert_id`: the sink takes up to 36 of [0-9A-Za-z-]. */
export const insertIdLength = 36

const hexDigits = Buffer.from('0123456789abcdef')

/**
 * Makes the `$insert_id` of the events of one generation of one sync: the first 36 hex digits of SHA-256 over
 *
 *   's' length ':' syncId   'i' length ':' generation   'b32:' rowId
 *
 * (the canonical encoding of identity/canonical.ts). It knows nothing of run, attempt, chunk, partition or batch, so a
 * row that is sent again has the same id and the sink drops it.
 */
export class InsertIds {
  readonly #input: Buffer
  readonly #rowIdAt: number

  constructor(syncId: string, generation: number) {
    const digits = String(generation)
    const prefix = Buffer.from(`s${Buffer.byteLength(syncId)}:${syncId}i${digits.length}:${digits}b32:`)
    this.#rowIdAt = prefix.length
    this.#input = Buffer.concat([prefix, Buffer.alloc(32)])
  }

  /** Writes the 36 characters at `at` and returns the position after them. `rowId` is 32 bytes at `start` of `source`. */
  write(source: Uint8Array, start: number, target: Uint8Array, at: number): number {
    const input = this.#input
    const rowIdAt = this.#rowIdAt
    for (let i = 0; i < 32; i++) input[rowIdAt + i] = source[start + i]!
    const digest = hash('sha256', input, 'binary')
    for (let i = 0; i < insertIdLength / 2; i++) {
      const byte = digest.charCodeAt(i)
      target[at++] = hexDigits[byte >>> 4]!
      target[at++] = hexDigits[byte & 15]!
    }
    return at
  }
}

/** The `$insert_id` of one row; see `InsertIds`, which is the faster form for many rows of one sync. */
export function insertId(syncId: string, generation: number, rowId: Uint8Array): string {
  const target = Buffer.allocUnsafe(insertIdLength)
  new InsertIds(syncId, generation).write(rowId, 0, target, 0)
  return target.toString('latin1')
}
