import { utf8SequenceSize } from '../text/utf8.ts'
import {
  jsonInvalid,
  jsonTooDeep,
  jsonTooWide,
  nestedDepthMax,
  nestedEntriesMax,
  nulCharacter,
  textInvalid,
} from './problem.ts'

/** 1 for the bytes of a JSON string that stand for themselves: ASCII but control characters, the quote and the backslash. */
const isPlain = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 32 && byte < 128 && byte !== 34 && byte !== 92 ? 1 : 0,
)

/**
 * Checks JSON text (RFC 8259) byte by byte and copies it without the whitespace between tokens. Numbers and strings
 * keep their exact text, so nothing is rounded and duplicate keys stay; what `JSON.parse` takes is taken, except:
 * NUL characters, halves of surrogate pairs, more than `nestedDepthMax` levels, more than `nestedEntriesMax` entries
 * in one object or list. The output is never longer than the input.
 */
export class JsonScanner {
  #source: Uint8Array = new Uint8Array()
  #target: Uint8Array = new Uint8Array()
  /** Where reading stands. */
  position = 0
  #end = 0
  #at = 0
  /** Whether the last string had a backslash. */
  escaped = false

  /** Copies the one value at [start, end); returns the position after it in `target`, or a problem. */
  copy(source: Uint8Array, start: number, end: number, target: Uint8Array, at: number): number {
    this.begin(source, start, end, target)
    const after = this.value(at, 1)
    if (after < 0) return after
    return this.peek() === -1 ? after : jsonInvalid
  }

  begin(source: Uint8Array, start: number, end: number, target: Uint8Array): void {
    this.#source = source
    this.#target = target
    this.position = start
    this.#end = end
  }

  /** The next byte that is not whitespace, -1 at the end. */
  peek(): number {
    while (this.position < this.#end) {
      const byte = this.#source[this.position]!
      if (byte !== 32 && byte !== 10 && byte !== 13 && byte !== 9) return byte
      this.position++
    }
    return -1
  }

  /** Copies the next value to `at`; returns the position after it, or a problem. */
  value(at: number, depth: number): number {
    const byte = this.peek()
    if (byte === 34) return this.string(at)
    if (byte === 123 || byte === 91) {
      if (depth > nestedDepthMax) return jsonTooDeep
      return byte === 123 ? this.#object(at, depth) : this.#array(at, depth)
    }
    if (byte === 45 || (byte >= 48 && byte <= 57)) return this.#number(at)
    if (byte === 116) return this.#word(at, 'true')
    if (byte === 102) return this.#word(at, 'false')
    if (byte === 110) return this.#word(at, 'null')
    return jsonInvalid
  }

  /** Copies the string that begins here, quotes included. */
  string(at: number): number {
    const source = this.#source
    const target = this.#target
    const end = this.#end
    let i = this.position
    this.escaped = false
    target[at++] = source[i++]!
    while (i < end) {
      const byte = source[i]!
      if (isPlain[byte] === 1) {
        target[at++] = byte
        i++
        continue
      }
      if (byte >= 0x80) {
        const size = utf8SequenceSize(source, i, end)
        if (size === 0) return textInvalid
        for (const stop = i + size; i < stop; i++) target[at++] = source[i]!
        continue
      }
      if (byte < 32) return byte === 0 ? nulCharacter : jsonInvalid
      target[at++] = byte
      i++
      if (byte === 34) {
        this.position = i
        return at
      }
      if (byte === 92) {
        this.escaped = true
        const letter = i < end ? source[i]! : 0
        if (letter !== 117) {
          if (!isEscapeLetter(letter)) return jsonInvalid
          target[at++] = letter
          i++
          continue
        }
        this.position = i
        this.#at = at
        const problem = this.#unicodeEscape()
        if (problem < 0) return problem
        i = this.position
        at = this.#at
      }
    }
    return jsonInvalid
  }

  /** Copies `uXXXX`, and the second half of a pair with it. */
  #unicodeEscape(): number {
    const first = this.#hex(this.position + 1)
    if (first < 0) return jsonInvalid
    if (first === 0) return nulCharacter
    let size = 5
    if (first >= 0xd800 && first <= 0xdfff) {
      const source = this.#source
      const next = this.position + 5
      if (first >= 0xdc00 || next + 6 > this.#end || source[next] !== 92 || source[next + 1] !== 117) return textInvalid
      const second = this.#hex(next + 2)
      if (second < 0xdc00 || second > 0xdfff) return second < 0 ? jsonInvalid : textInvalid
      size = 11
    }
    for (let i = 0; i < size; i++) this.#target[this.#at++] = this.#source[this.position++]!
    return 0
  }

  /** Four hex digits at `i` as a number, -1 when they are none. */
  #hex(i: number): number {
    if (i + 4 > this.#end) return -1
    let value = 0
    for (const stop = i + 4; i < stop; i++) {
      const byte = this.#source[i]!
      const lower = byte | 32
      const digit = byte >= 48 && byte <= 57 ? byte - 48 : lower >= 97 && lower <= 102 ? lower - 87 : -1
      if (digit < 0) return -1
      value = value * 16 + digit
    }
    return value
  }

  #object(at: number, depth: number): number {
    const target = this.#target
    target[at++] = 123
    this.position++
    if (this.peek() === 125) {
      this.position++
      target[at++] = 125
      return at
    }
    for (let entries = 1; ; entries++) {
      if (entries > nestedEntriesMax) return jsonTooWide
      if (this.peek() !== 34) return jsonInvalid
      at = this.string(at)
      if (at < 0) return at
      if (this.peek() !== 58) return jsonInvalid
      this.position++
      target[at++] = 58
      at = this.value(at, depth + 1)
      if (at < 0) return at
      const next = this.peek()
      this.position++
      if (next === 125) break
      if (next !== 44) return jsonInvalid
      target[at++] = 44
    }
    target[at++] = 125
    return at
  }

  #array(at: number, depth: number): number {
    const target = this.#target
    target[at++] = 91
    this.position++
    if (this.peek() === 93) {
      this.position++
      target[at++] = 93
      return at
    }
    for (let entries = 1; ; entries++) {
      if (entries > nestedEntriesMax) return jsonTooWide
      at = this.value(at, depth + 1)
      if (at < 0) return at
      const next = this.peek()
      this.position++
      if (next === 93) break
      if (next !== 44) return jsonInvalid
      target[at++] = 44
    }
    target[at++] = 93
    return at
  }

  /** number = '-'? ( '0' | 1-9 digit* ) ( '.' digit+ )? ( [eE] [+-]? digit+ )? */
  #number(at: number): number {
    const source = this.#source
    const start = this.position
    let i = start
    if (source[i] === 45) i++
    const whole = this.#digits(i)
    if (whole === i || (source[i] === 48 && whole > i + 1)) return jsonInvalid
    i = whole
    if (i < this.#end && source[i] === 46) {
      const fraction = this.#digits(i + 1)
      if (fraction === i + 1) return jsonInvalid
      i = fraction
    }
    if (i < this.#end && (source[i]! | 32) === 101) {
      let first = i + 1
      if (first < this.#end && (source[first] === 43 || source[first] === 45)) first++
      const exponent = this.#digits(first)
      if (exponent === first) return jsonInvalid
      i = exponent
    }
    for (let j = start; j < i; j++) this.#target[at++] = source[j]!
    this.position = i
    return at
  }

  #digits(i: number): number {
    while (i < this.#end && this.#source[i]! >= 48 && this.#source[i]! <= 57) i++
    return i
  }

  #word(at: number, word: string): number {
    const start = this.position
    if (start + word.length > this.#end) return jsonInvalid
    for (let i = 0; i < word.length; i++) {
      const byte = this.#source[start + i]!
      if (byte !== word.charCodeAt(i)) return jsonInvalid
      this.#target[at++] = byte
    }
    this.position = start + word.length
    return at
  }
}

/** One of " \ / b f n r t */
function isEscapeLetter(byte: number): boolean {
  return (
    byte === 34 ||
    byte === 92 ||
    byte === 47 ||
    byte === 98 ||
    byte === 102 ||
    byte === 110 ||
    byte === 114 ||
    byte === 116
  )
}
