import { writeDigits, writeInteger } from '@millrace/domain/text/integer-text.ts'

/**
 * numeric = int16(digits) int16(weight) uint16(sign) uint16(scale) int16(digit)*      digits to the base 10000
 * sign    = 0x0000 + | 0x4000 - | 0xC000 NaN | 0xD000 Infinity | 0xF000 -Infinity
 *
 * The value is the sum of digit[i] * 10000^(weight - i); `scale` decimal places are shown.
 * https://github.com/postgres/postgres/blob/master/src/backend/utils/adt/numeric.c (numeric_send, get_str_from_var)
 */
const nan = 0xc000
const infinity = 0xd000
const minusInfinity = 0xf000

/** Room that `writeNumeric` may use for the field at `at`, in bytes. */
export function numericTextMax(source: Buffer, at: number): number {
  const weight = source.readInt16BE(at + 2)
  const scale = source.readUInt16BE(at + 6)
  return 4 * (Math.max(weight, 0) + 1) + scale + 16
}

/** The text that Postgres prints for the binary numeric at [start, end); the position after it, or -1 when malformed. */
export function writeNumeric(target: Buffer, to: number, source: Buffer, start: number, end: number): number {
  const count = (source[start]! << 8) | source[start + 1]!
  const weight = (((source[start + 2]! << 8) | source[start + 3]!) << 16) >> 16
  const sign = (source[start + 4]! << 8) | source[start + 5]!
  const scale = (source[start + 6]! << 8) | source[start + 7]!
  const digits = start + 8
  if (digits + count * 2 !== end) return -1
  if (sign === nan) return to + target.write('NaN', to, 'latin1')
  if (sign === infinity) return to + target.write('Infinity', to, 'latin1')
  if (sign === minusInfinity) return to + target.write('-Infinity', to, 'latin1')
  if (sign !== 0) target[to++] = 45
  if (weight < 0) target[to++] = 48
  else to = writeInteger(target, to, count > 0 ? (source[digits]! << 8) | source[digits + 1]! : 0)
  for (let i = 1; i <= weight; i++) to = writeDigits(target, to, digitAt(source, digits, count, i), 4)
  if (scale === 0) return to
  target[to++] = 46
  const last = to + scale
  for (let i = weight + 1; to < last; i++) to = writeDigits(target, to, digitAt(source, digits, count, i), 4)
  return last
}

function digitAt(source: Buffer, digits: number, count: number, i: number): number {
  if (i < 0 || i >= count) return 0
  return (source[digits + 2 * i]! << 8) | source[digits + 2 * i + 1]!
}
