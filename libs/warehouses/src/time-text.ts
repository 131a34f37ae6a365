const microsPerDay = 86_400_000_000n

/** Microseconds since 1970 in the form that plans and cursors keep: `2024-01-02 03:04:05.123456`, always with all six places. */
export function timeText(micros: bigint): string {
  const part = ((micros % 1000n) + 1000n) % 1000n
  const text = new Date(Number((micros - part) / 1000n)).toISOString()
  return `${text.slice(0, 10)} ${text.slice(11, 23)}${String(part).padStart(3, '0')}`
}

/** The inverse of `timeText`. Throws on anything else: such texts come from plans and cursors of ours. */
export function microsOf(text: string): bigint {
  const match = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d\.\d{3})(\d{3})$/.exec(text)
  const millis = match === null ? Number.NaN : Date.parse(`${match[1]}T${match[2]}Z`)
  if (match === null || !Number.isFinite(millis)) throw new Error('the plan is not one of a BigQuery source')
  return BigInt(millis) * 1000n + BigInt(match[3] as string)
}

/** Days since 1970 of the day that holds the moment. */
export function dayOf(micros: bigint): bigint {
  const days = micros / microsPerDay
  return micros % microsPerDay < 0n ? days - 1n : days
}

export function microsOfDay(days: bigint): bigint {
  return days * microsPerDay
}
