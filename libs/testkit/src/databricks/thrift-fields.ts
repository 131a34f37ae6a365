/** More bytes of a message must come; `needed` is how long it must be at least. */
export class ShortMessage extends Error {
  readonly needed: number
  constructor(needed: number) {
    super('the message goes on')
    this.needed = needed
  }
}

/** A field of a struct: its type, where its value begins and where it ends. */
export type Field = { readonly type: number; readonly at: number; readonly end: number }
export type Struct = { readonly fields: ReadonlyMap<number, Field>; readonly end: number }

const stop = 0
const types = {
  bool: 2,
  byte: 3,
  double: 4,
  i16: 6,
  i32: 8,
  i64: 10,
  string: 11,
  struct: 12,
  map: 13,
  set: 14,
  list: 15,
}
const sizes: Readonly<Record<number, number>> = {
  [types.bool]: 1,
  [types.byte]: 1,
  [types.double]: 8,
  [types.i16]: 2,
  [types.i32]: 4,
  [types.i64]: 8,
}

/**
 * Thrift's binary protocol, as far as a middleman needs it: where a message, its fields and the items of its lists are.
 * https://github.com/apache/thrift/blob/master/doc/specs/thrift-binary-protocol.md
 */
export function messageHead(bytes: Buffer): { readonly name: string; readonly at: number } {
  need(bytes, 8)
  const size = bytes.readInt32BE(4)
  need(bytes, 12 + size)
  return { name: bytes.toString('latin1', 8, 8 + size), at: 12 + size }
}

/** The end of a message that begins with `bytes`. Throws `ShortMessage`. */
export function messageEnd(bytes: Buffer): number {
  return skip(bytes, messageHead(bytes).at, types.struct)
}

/** The fields of the struct at `at`. Throws `ShortMessage`. */
export function structAt(bytes: Buffer, at: number): Struct {
  const fields = new Map<number, Field>()
  for (;;) {
    need(bytes, at + 1)
    const type = bytes[at]!
    if (type === stop) return { fields, end: at + 1 }
    need(bytes, at + 3)
    const end = skip(bytes, at + 3, type)
    fields.set(bytes.readInt16BE(at + 1), { type, at: at + 3, end })
    at = end
  }
}

/** Where the structs of a list begin. */
export function structsOf(bytes: Buffer, { at }: Field): readonly number[] {
  const starts: number[] = []
  let next = at + 5
  for (let left = bytes.readInt32BE(at + 1); left > 0; left--) {
    starts.push(next)
    next = skip(bytes, next, types.struct)
  }
  return starts
}

function skip(bytes: Buffer, at: number, type: number): number {
  const size = sizes[type]
  if (size !== undefined) return at + size
  switch (type) {
    case types.string:
      need(bytes, at + 4)
      return at + 4 + bytes.readInt32BE(at)
    case types.struct:
      return structEnd(bytes, at)
    case types.map:
      need(bytes, at + 6)
      return skipItems(bytes, at + 6, bytes.readInt32BE(at + 2), [bytes[at]!, bytes[at + 1]!])
    case types.set:
    case types.list:
      need(bytes, at + 5)
      return skipItems(bytes, at + 5, bytes.readInt32BE(at + 1), [bytes[at]!])
    default:
      throw new Error(`a value of the unknown type ${type}`)
  }
}

function structEnd(bytes: Buffer, at: number): number {
  for (;;) {
    need(bytes, at + 1)
    const type = bytes[at]!
    if (type === stop) return at + 1
    need(bytes, at + 3)
    at = skip(bytes, at + 3, type)
    need(bytes, at)
  }
}

function skipItems(bytes: Buffer, at: number, count: number, itemTypes: readonly number[]): number {
  const fixed = itemTypes.length === 1 ? sizes[itemTypes[0]!] : undefined
  if (fixed !== undefined) return at + fixed * count
  for (let left = count; left > 0; left--) {
    for (const type of itemTypes) at = skip(bytes, at, type)
    need(bytes, at)
  }
  return at
}

function need(bytes: Buffer, end: number): void {
  if (bytes.length < end) throw new ShortMessage(end)
}
