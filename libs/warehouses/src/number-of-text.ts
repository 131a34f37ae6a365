/** A whole number from its digits, as a bigint when it may have more than a double holds. */
export function integerOf(text: string): number | bigint {
  return text.length < 16 ? Number(text) : BigInt(text)
}

/** A double from its text. Warehouses write infinities in several spellings, in full and in short; what is none of them is NaN. */
export function doubleOf(text: string): number {
  const value = Number(text)
  if (!Number.isNaN(value)) return value
  if (/^-inf/i.test(text)) return Number.NEGATIVE_INFINITY
  return /^\+?inf/i.test(text) ? Number.POSITIVE_INFINITY : Number.NaN
}
