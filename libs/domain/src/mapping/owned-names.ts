/**
 * The property names that named columns own, as JSON text (escaped, without quotes), looked up by bytes: keys of a
 * JSON properties column that are owned already are skipped.
 */
export class OwnedNames {
  readonly #mask: number
  readonly #slots: (readonly Buffer[] | undefined)[]

  constructor(names: readonly string[]) {
    const size = 2 ** Math.ceil(Math.log2(names.length * 2 + 2))
    this.#mask = size - 1
    this.#slots = new Array<readonly Buffer[] | undefined>(size).fill(undefined)
    for (const name of names) {
      const text = Buffer.from(JSON.stringify(name).slice(1, -1))
      const slot = hashOf(text, 0, text.length) & this.#mask
      this.#slots[slot] = [...(this.#slots[slot] ?? []), text]
    }
  }

  /** Whether the key at [start, end) of `source`, escaped as JSON.stringify does, is owned. */
  has(source: Uint8Array, start: number, end: number): boolean {
    const candidates = this.#slots[hashOf(source, start, end) & this.#mask]
    if (candidates === undefined) return false
    for (const candidate of candidates) if (equals(source, start, end, candidate)) return true
    return false
  }
}

/** FNV-1a, 32 bits: http://www.isthe.com/chongo/tech/comp/fnv/ */
function hashOf(source: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ source[i]!, 0x01000193)
  return hash >>> 0
}

function equals(source: Uint8Array, start: number, end: number, candidate: Buffer): boolean {
  if (end - start !== candidate.length) return false
  for (let i = 0; i < candidate.length; i++) if (source[start + i] !== candidate[i]) return false
  return true
}
