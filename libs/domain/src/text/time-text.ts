import { writeDigits, writeInteger } from './integer-text.ts'

/** Room that these functions may use, in bytes (the longest: +294247-01-10T04:00:54.775807Z). */
export const timeTextMax = 32

const twoPow32 = 4294967296
const secondsPerDay = 86_400

/**
 * A timestamp in microseconds, given as the halves of an int64, as `YYYY-MM-DDTHH:MM:SS[.ffffff]Z` (the fraction only
 * when it is not zero). Years outside of 0000..9999 take the expanded form of ISO 8601, `±YYYYYY`; the int64
 * extremes, which stand for the ends of time, give `infinity` and `-infinity`. Returns the position after the text.
 */
export function writeTimestamp(target: Buffer, at: number, hi: number, lo: number): number {
  if (hi === 0x7fffffff && lo === 0xffffffff) return at + target.write('infinity', at, 'latin1')
  if (hi === -0x80000000 && lo === 0) return at + target.write('-infinity', at, 'latin1')
  // Long division of hi * 2^32 + lo by 10^6, rounding down; every intermediate stays below 2^53.
  const quotientHigh = Math.floor(hi / 1e6)
  const rest = (hi - quotientHigh * 1e6) * twoPow32 + lo
  const quotientLow = Math.floor(rest / 1e6)
  const seconds = quotientHigh * twoPow32 + quotientLow
  const micros = rest - quotientLow * 1e6
  const days = Math.floor(seconds / secondsPerDay)
  const second = seconds - days * secondsPerDay
  at = writeCalendarDay(target, at, days)
  target[at++] = 84
  const minutes = (second / 60) | 0
  const hour = (minutes / 60) | 0
  at = writeDigits(target, at, hour, 2)
  target[at++] = 58
  at = writeDigits(target, at, minutes - hour * 60, 2)
  target[at++] = 58
  at = writeDigits(target, at, second - minutes * 60, 2)
  if (micros > 0) {
    target[at++] = 46
    at = writeDigits(target, at, micros, 6)
  }
  target[at++] = 90
  return at
}

/** Days since 1970-01-01 as `YYYY-MM-DD`; other years and the int32 extremes by the rule of `writeTimestamp`. */
export function writeDate(target: Buffer, at: number, days: number): number {
  if (days === 0x7fffffff) return at + target.write('infinity', at, 'latin1')
  if (days === -0x80000000) return at + target.write('-infinity', at, 'latin1')
  return writeCalendarDay(target, at, days)
}

/** Gregorian calendar from days, by eras of 400 years that begin on 1 March: https://howardhinnant.github.io/date_algorithms.html */
function writeCalendarDay(target: Buffer, at: number, days: number): number {
  const shifted = days + 719_468
  const era = Math.floor(shifted / 146_097)
  const dayOfEra = shifted - era * 146_097
  const leaps = ((dayOfEra / 1460) | 0) - ((dayOfEra / 36_524) | 0) + ((dayOfEra / 146_096) | 0)
  const yearOfEra = ((dayOfEra - leaps) / 365) | 0
  const dayOfYear = dayOfEra - (365 * yearOfEra + (yearOfEra >> 2) - ((yearOfEra / 100) | 0))
  const marchMonth = ((5 * dayOfYear + 2) / 153) | 0
  const day = dayOfYear - (((153 * marchMonth + 2) / 5) | 0) + 1
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  at = writeYear(target, at, year)
  target[at++] = 45
  at = writeDigits(target, at, month, 2)
  target[at++] = 45
  return writeDigits(target, at, day, 2)
}

function writeYear(target: Buffer, at: number, year: number): number {
  if (year >= 0 && year <= 9999) return writeDigits(target, at, year, 4)
  target[at++] = year < 0 ? 45 : 43
  const magnitude = Math.abs(year)
  return magnitude < 1e6 ? writeDigits(target, at, magnitude, 6) : writeInteger(target, at, magnitude)
}
