import { decimalInvalid } from './problem.ts'

/** A decimal of up to 15 significant digits names one double and is that double's shortest text. */
const exactDigitsMax = 15
/** Within 10^±300 such a decimal is a normal double, so nothing is lost. */
const exponentMax = 300

/** Room that `writeJsonDecimal` may use for `bytes` bytes of text. */
export function jsonDecimalMax(bytes: number): number {
  return bytes + 26
}

/**
 * Writes the text of a decimal, as a warehouse prints it, as JSON: a number when it has no more than 15 significant
 * digits (leading and trailing zeros do not count), because any reader then gets exactly this value; else a string
 * with the exact text. Zeros that say nothing are left out of a number: `12.50` gives 12.5, `-0.00` gives 0. NaN and
 * infinities are strings. Returns the position after it, or `decimalInvalid` for text that is no decimal.
 *
 *   decimal = sign? digits? ('.' digits?)? ( 'e' sign? digits )?  |  'NaN'  |  sign? 'Infinity'
 */
export function writeJsonDecimal(source: Buffer, start: number, end: number, target: Buffer, at: number): number {
  let i = start
  const negative = source[i] === 45
  if (negative || source[i] === 43) i++
  let firstSolid = -1
  let lastSolid = -1
  let point = -1
  let digits = 0
  let solidDigits = 0
  const digitsStart = i
  for (; i < end; i++) {
    const byte = source[i]!
    if (byte >= 48 && byte <= 57) {
      digits++
      if (firstSolid >= 0) solidDigits++
      if (byte !== 48) {
        if (firstSolid < 0) {
          firstSolid = i
          solidDigits = 1
        }
        lastSolid = i
      }
    } else if (byte === 46 && point < 0) point = i
    else break
  }
  if (i < end || digits === 0) return writeUnusual(source, start, end, target, at)
  if (firstSolid < 0) {
    target[at++] = 48
    return at
  }
  const digitsEnd = end
  if (point < 0) point = digitsEnd
  // Digits from the first to the last that is not zero.
  let significant = solidDigits
  for (let j = digitsEnd - 1; j > lastSolid; j--) if (source[j] !== 46) significant--
  const exponent = point - firstSolid
  if (significant > exactDigitsMax || exponent > exponentMax || exponent < -exponentMax)
    return writeQuoted(source, start, end, target, at)
  if (negative) target[at++] = 45
  if (firstSolid > point) target[at++] = 48
  else for (let j = firstSolid; j < point; j++) target[at++] = source[j]!
  if (lastSolid > point) for (let j = Math.max(point, digitsStart); j <= lastSolid; j++) target[at++] = source[j]!
  return at
}

/** Exponents, NaN and infinities: rare, so through a string. */
function writeUnusual(source: Buffer, start: number, end: number, target: Buffer, at: number): number {
  if (end - start > 1000) return decimalInvalid
  const text = source.toString('latin1', start, end)
  if (/^([+-]?Infinity|NaN)$/i.test(text)) return writeQuoted(source, start, end, target, at)
  const match = /^[+-]?(\d*)\.?(\d*)e([+-]?\d+)$/i.exec(text)
  if (match === null || match[1]! + match[2]! === '') return decimalInvalid
  const significant = (match[1]! + match[2]!).replace(/^0+|0+$/g, '').length
  if (significant === 0) {
    target[at++] = 48
    return at
  }
  const value = Number(text)
  const magnitude = Math.abs(value)
  if (significant > exactDigitsMax || magnitude > 1e300 || magnitude < 1e-300)
    return writeQuoted(source, start, end, target, at)
  const shortest = String(value)
  if (shortest.length > jsonDecimalMax(end - start)) return writeQuoted(source, start, end, target, at)
  return at + target.write(shortest, at, 'latin1')
}

function writeQuoted(source: Buffer, start: number, end: number, target: Buffer, at: number): number {
  target[at++] = 34
  for (let i = start; i < end; i++) target[at++] = source[i]!
  target[at++] = 34
  return at
}
