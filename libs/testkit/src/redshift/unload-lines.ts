const lineFeed = 10
const carriageReturn = 13
const backslash = 92

export type WholeLines = { readonly content: Buffer; readonly rows: number }

/** What stands behind a backslash in COPY's text form, and the byte that it means. */
const letters: ReadonlyMap<number, number> = new Map([
  [98, 8], // b
  [102, 12], // f
  [110, lineFeed], // n
  [114, carriageReturn], // r
  [116, 9], // t
  [118, 11], // v
])

/**
 * Turns the text form of Postgres' COPY into that of UNLOAD with ESCAPE, in whole lines. They differ in what is not printed:
 * Redshift writes the character itself, with a backslash before it if it is a line feed or carriage return.
 */
export class UnloadLines {
  readonly #turnBytes: number
  #left: Buffer = Buffer.alloc(0)

  constructor(turnBytes: number) {
    this.#turnBytes = turnBytes
  }

  *add(bytes: Buffer): Generator<WholeLines> {
    this.#left = this.#left.length === 0 ? bytes : Buffer.concat([this.#left, bytes])
    if (this.#left.length < this.#turnBytes) return
    const end = this.#left.lastIndexOf(lineFeed) + 1
    if (end === 0) return
    yield translated(this.#left.subarray(0, end))
    this.#left = this.#left.subarray(end)
  }

  *end(): Generator<WholeLines> {
    if (this.#left.length > 0) yield translated(this.#left)
    this.#left = Buffer.alloc(0)
  }
}

/** In COPY's form every line feed ends a row. */
function translated(lines: Buffer): WholeLines {
  let rows = 0
  for (let at = lines.indexOf(lineFeed); at !== -1; at = lines.indexOf(lineFeed, at + 1)) rows++
  return { content: lines.includes(backslash) ? unlettered(lines) : lines, rows }
}

function unlettered(lines: Buffer): Buffer {
  const out = Buffer.allocUnsafe(lines.length)
  let length = 0
  for (let i = 0; i < lines.length; i++) {
    const byte = lines[i]!
    if (byte !== backslash) {
      out[length++] = byte
      continue
    }
    const next = lines[++i]!
    const meant = letters.get(next)
    if (meant === undefined || meant === lineFeed || meant === carriageReturn) out[length++] = backslash
    out[length++] = meant ?? next
  }
  return out.subarray(0, length)
}
