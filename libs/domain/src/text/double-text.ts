import { integerTextMax, writeDigits, writeInteger } from './integer-text.ts'

/** Room that `writeDouble` may use, in bytes (the longest: -1.2345678901234567e-300 and the like). */
export const doubleTextMax = integerTextMax + 12

/**
 * The shortest text that reads back as the same double: exactly JavaScript's `String(value)`, except that -0 gives
 * `-0`. NaN and infinities give `NaN`, `Infinity`, `-Infinity`. Returns the position after the text.
 *
 * Decimals of up to 15 digits name doubles one to one, so a value that equals n / 10^k with n below 10^15 has those
 * digits as its shortest text; that covers prices, rates and coordinates without making a string.
 */
export function writeDouble(target: Buffer, at: number, value: number): number {
  const magnitude = Math.abs(value)
  if (magnitude < 1e15) {
    if (Math.floor(magnitude) === magnitude) {
      if (magnitude === 0 && Object.is(value, -0)) target[at++] = 45
      return writeInteger(target, at, value)
    }
    if (magnitude >= 1e-4 && magnitude < 1e9) {
      let scale = 10
      for (let places = 1; places <= 6; places++, scale *= 10) {
        const scaled = Math.round(magnitude * scale)
        if (scaled / scale === magnitude && scaled < 1e15) {
          if (value < 0) target[at++] = 45
          const whole = Math.floor(scaled / scale)
          at = writeInteger(target, at, whole)
          target[at++] = 46
          return writeDigits(target, at, scaled - whole * scale, places)
        }
      }
    }
  }
  return at + target.write(String(value), at, 'latin1')
}
