export const absent = 0
export const text = 1
export const number = 2
/** true, false, null, a list or an object. */
export const other = 3
export type ValueKind = typeof absent | typeof text | typeof number | typeof other

/** Where a value stands in the body: the characters between a string's quotes, or the digits of a number. */
export class FieldSpan {
  kind: ValueKind = absent
  start = 0
  end = 0
  /** Whether a backslash stands in it. */
  escaped = false
}
