/**
 * Decimal text of integers, written as ASCII bytes without making a string. Each function writes at `at`, returns the
 * position after the text, and needs 20 free bytes there (the longest: -9223372036854775808).
 */

const zero = 48
const minus = 45
const twoPow32 = 4294967296

/** Room that any of these functions may use, in bytes. */
export const integerTextMax = 20

/** `value` must be an integer within ±(2^53 - 1); -0 is written as 0. */
export function writeInteger(target: Uint8Array, at: number, value: number): number {
  if (value < 0) {
    target[at++] = minus
    value = -value
  }
  if (value < 1e9) return writeDigits(target, at, value, digitCount(value))
  const high = Math.floor(value / 1e9)
  at = writeDigits(target, at, high, digitCount(high))
  return writeDigits(target, at, value - high * 1e9, 9)
}

/** A signed 64-bit integer given as its two halves. Exact, without BigInt. */
export function writeInt64(target: Uint8Array, at: number, hi: number, lo: number): number {
  if (hi >= -0x200000 && hi < 0x200000) {
    const value = hi * twoPow32 + lo
    // -2^53 is the one value of this range that the sum of halves gives but writeInteger does not promise.
    if (value !== -9007199254740992) return writeInteger(target, at, value)
  }
  if (hi < 0) {
    target[at++] = minus
    lo = (~lo + 1) >>> 0
    hi = (~hi + (lo === 0 ? 1 : 0)) >>> 0
  }
  // Long division by 10^6 in two steps; every intermediate stays below 2^53.
  const quotientHigh = Math.floor(hi / 1e6)
  const rest = (hi - quotientHigh * 1e6) * twoPow32 + lo
  const quotientLow = Math.floor(rest / 1e6)
  at = writeInteger(target, at, quotientHigh * twoPow32 + quotientLow)
  return writeDigits(target, at, rest - quotientLow * 1e6, 6)
}

/** `count` digits of a value below 10^9, with leading zeros. */
export function writeDigits(target: Uint8Array, at: number, value: number, count: number): number {
  let rest = value | 0
  for (let i = at + count - 1; i >= at; i--) {
    const quotient = (rest / 10) | 0
    target[i] = zero + rest - quotient * 10
    rest = quotient
  }
  return at + count
}

function digitCount(value: number): number {
  if (value < 1e5) return value < 100 ? (value < 10 ? 1 : 2) : value < 1e4 ? (value < 1000 ? 3 : 4) : 5
  return value < 1e7 ? (value < 1e6 ? 6 : 7) : value < 1e8 ? 8 : 9
}
