import { nestedDepthMax, nestedEntriesMax } from '@millrace/domain/json/problem.ts'
import { BodySyntaxError } from './body-syntax-error.ts'
import { absent, FieldSpan, number, other, text, type ValueKind } from './field-span.ts'

/** Deepest nesting that is walked, so that only its record is refused; beyond it the body is. */
const walkDepthMax = 2000

const plain = 0
const quote = 1
const backslash = 2
const control = 3
const kinds = new Uint8Array(256)
for (let byte = 0; byte < 32; byte++) kinds[byte] = control
kinds[34] = quote
kinds[92] = backslash

const escapeLetters = new Uint8Array(256)
for (const letter of Buffer.from('"\\/bfnrt')) escapeLetters[letter] = 1

/**
 * Walks over one event in a body and notes where its parts stand, without making a value of any of them:
 *
 *   record = { "event": name, "properties": { "time": …, "distinct_id": …, "$insert_id": …, … }, … }
 *
 * Syntax is checked to the last byte (RFC 8259); UTF-8 is the caller's to check, over the whole body at once. Of a name
 * that stands twice the last one counts, as with JSON.parse. CPU an event of 340 bytes, in one run with the machine busy:
 * this walk 0.75 µs, with all checks and the lines written 1.24 µs; JSON.parse alone 1.15 µs, which rounds numbers and
 * leaves the properties to be written again.
 */
export class EventScanner {
  readonly event = new FieldSpan()
  readonly time = new FieldSpan()
  readonly distinctId = new FieldSpan()
  readonly insertId = new FieldSpan()
  readonly importId = new FieldSpan()
  readonly token = new FieldSpan()
  propertiesKind: ValueKind = absent
  /** The object with its braces. */
  propertiesStart = 0
  propertiesEnd = 0
  propertyCount = 0
  /** Where the value ends, exclusive. */
  position = 0
  /** Whether a line end or a TAB stands between two tokens. */
  broken = false
  tooDeep = false
  tooWide = false
  /** Whether the record is an object at all. */
  isObject = false

  #source: Uint8Array = new Uint8Array()
  #end = 0
  readonly #name = new FieldSpan()
  readonly #ignored = new FieldSpan()

  open(source: Uint8Array, start: number): void {
    this.#source = source
    this.#end = source.length
    this.position = start
  }

  /** Passes whitespace; the next byte, -1 at the end. */
  peek(): number {
    const source = this.#source
    while (this.position < this.#end) {
      const byte = source[this.position]!
      if (byte > 32) return byte
      if (byte !== 32) {
        if (byte !== 10 && byte !== 13 && byte !== 9) this.#fail('a control character')
        this.broken = true
      }
      this.position++
    }
    return -1
  }

  /** Walks over the record that begins at the position. Throws BodySyntaxError. */
  record(): void {
    this.event.kind = absent
    this.#clearProperties()
    this.propertiesKind = absent
    this.tooDeep = false
    this.tooWide = false
    this.isObject = this.peek() === 123
    this.broken = false
    if (!this.isObject) {
      this.#value(this.#ignored, 1)
      return
    }
    this.position++
    if (this.#closes(125)) return
    const name = this.#name
    for (;;) {
      this.#member(name)
      if (this.#nameIs('event')) this.#value(this.event, 1)
      else if (this.#nameIs('properties')) this.#properties()
      else this.#value(this.#ignored, 1)
      if (this.#ends(125)) return
    }
  }

  #clearProperties(): void {
    this.time.kind = absent
    this.distinctId.kind = absent
    this.insertId.kind = absent
    this.importId.kind = absent
    this.token.kind = absent
    this.propertyCount = 0
  }

  #properties(): void {
    this.#clearProperties()
    if (this.peek() !== 123) {
      this.propertiesKind = other
      this.#value(this.#ignored, 1)
      return
    }
    this.propertiesKind = text
    this.propertiesStart = this.position++
    if (!this.#closes(125)) {
      do {
        this.#member(this.#name)
        this.propertyCount++
        this.#value(this.#property(), 1)
      } while (!this.#ends(125))
    }
    this.propertiesEnd = this.position
  }

  /** The span that the property just named belongs to. */
  #property(): FieldSpan {
    const { start, end } = this.#name
    const first = this.#source[start]
    if (first === 36) {
      if (this.#nameIs('$insert_id')) return this.insertId
      if (this.#nameIs('$warehouse_import_id')) return this.importId
    } else if (first === 116) {
      if (end - start === 4 && this.#nameIs('time')) return this.time
      if (this.#nameIs('token')) return this.token
    } else if (first === 100 && this.#nameIs('distinct_id')) return this.distinctId
    return this.#ignored
  }

  #nameIs(name: string): boolean {
    const { start, end } = this.#name
    if (end - start !== name.length) return false
    for (let i = 0; i < name.length; i++) if (this.#source[start + i] !== name.charCodeAt(i)) return false
    return true
  }

  /** Reads a name and the colon behind it. */
  #member(name: FieldSpan): void {
    if (this.peek() !== 34) this.#fail('no property name')
    this.#string(name)
    if (this.peek() !== 58) this.#fail('no colon')
    this.position++
  }

  /** Whether an object or list is empty; passes its end then. */
  #closes(bracket: number): boolean {
    if (this.peek() !== bracket) return false
    this.position++
    return true
  }

  /** Passes the comma or the end behind a member; whether it was the end. */
  #ends(bracket: number): boolean {
    const next = this.peek()
    this.position++
    if (next === bracket) return true
    if (next !== 44) {
      this.position--
      this.#fail('neither a comma nor the end of an object or list')
    }
    return false
  }

  #value(span: FieldSpan, depth: number): void {
    const byte = this.peek()
    if (byte === 34) this.#string(span)
    else if (byte === 45 || (byte >= 48 && byte <= 57)) this.#number(span)
    else this.#otherValue(span, byte, depth)
  }

  #otherValue(span: FieldSpan, byte: number, depth: number): void {
    span.kind = other
    if (byte === 123) this.#nested(125, depth)
    else if (byte === 91) this.#nested(93, depth)
    else if (byte === 116) this.#word('true')
    else if (byte === 102) this.#word('false')
    else if (byte === 110) this.#word('null')
    else this.#fail('no JSON value')
  }

  #nested(bracket: number, depth: number): void {
    if (depth > nestedDepthMax) {
      this.tooDeep = true
      // The end of what is nested too deep has to be found, but not on our stack.
      if (depth > walkDepthMax) this.#fail('a value nested without end')
    }
    this.position++
    if (this.#closes(bracket)) return
    let entries = 0
    do {
      entries++
      if (bracket === 125) this.#member(this.#ignored)
      this.#value(this.#ignored, depth + 1)
    } while (!this.#ends(bracket))
    if (entries > nestedEntriesMax) this.tooWide = true
  }

  #string(span: FieldSpan): void {
    const source = this.#source
    const end = this.#end
    let i = this.position + 1
    span.kind = text
    span.start = i
    span.escaped = false
    for (; i < end; i++) {
      const kind = kinds[source[i]!]!
      if (kind === plain) continue
      if (kind === quote) {
        span.end = i
        this.position = i + 1
        return
      }
      if (kind === control) break
      span.escaped = true
      i++
      const letter = source[i]!
      if (letter === 117) {
        for (const stop = i + 4; i < stop; ) if (!isHexDigit(source[++i]!)) this.#failAt('a broken escape', i)
      } else if (escapeLetters[letter] !== 1) this.#failAt('a broken escape', i)
    }
    this.#failAt('a string without end or with a control character', i)
  }

  /** number = '-'? ( '0' | 1-9 digit* ) ( '.' digit+ )? ( [eE] [+-]? digit+ )? */
  #number(span: FieldSpan): void {
    const source = this.#source
    let i = this.position
    span.kind = number
    span.start = i
    if (source[i] === 45) i++
    const whole = this.#digits(i)
    if (source[i] === 48 && whole > i + 1) this.#failAt('a number with a leading zero', i)
    i = whole
    if (source[i] === 46) i = this.#digits(i + 1)
    if ((source[i]! | 32) === 101) {
      i++
      if (source[i] === 43 || source[i] === 45) i++
      i = this.#digits(i)
    }
    span.end = i
    this.position = i
  }

  /** The end of the digits at `i`, of which there is at least one. */
  #digits(i: number): number {
    const start = i
    while (i < this.#end && this.#source[i]! >= 48 && this.#source[i]! <= 57) i++
    if (i === start) this.#failAt('a broken number', i)
    return i
  }

  #word(word: string): void {
    for (let i = 0; i < word.length; i++)
      if (this.#source[this.position + i] !== word.charCodeAt(i)) this.#fail('no JSON value')
    this.position += word.length
  }

  #fail(what: string): never {
    this.#failAt(what, this.position)
  }

  #failAt(what: string, position: number): never {
    throw new BodySyntaxError(what, position)
  }
}

function isHexDigit(byte: number): boolean {
  const lower = byte | 32
  return (byte >= 48 && byte <= 57) || (lower >= 97 && lower <= 102)
}
