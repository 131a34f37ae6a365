import { createHash } from 'node:crypto'
import { microsOf, timeText } from '../time-text.ts'

/** Values of labels are lower-case letters, digits, `_` and `-`. */
export function labelOf(time: string | null): string {
  return time === null ? 'none' : String(microsOf(time))
}

/** The inverse of `labelOf`. */
export function timeOf(label: string | undefined): string | null {
  return label === undefined || label === 'none' ? null : timeText(BigInt(label))
}

/** A part of a job's id: jobs that ask for the same have the same. */
export function fingerprintOf(parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16)
}
