/** When a sync runs. Times are wall-clock times of `zone` (an IANA name); days are those of ISO 8601: 1 is Monday. */
export type Schedule =
  | { readonly kind: 'hourly' }
  | { readonly kind: 'daily'; readonly time: string; readonly zone: string }
  | { readonly kind: 'weekly'; readonly day: number; readonly time: string; readonly zone: string }
  /** Runs only when asked to, by its trigger URL or by hand. */
  | { readonly kind: 'api' }

export const scheduleKinds = ['hourly', 'daily', 'weekly', 'api'] as const
export type ScheduleKind = (typeof scheduleKinds)[number]

/** One thing to correct in a schedule; `path` is where it stands in it. */
export type ScheduleProblem = {
  readonly path: string
  readonly code: 'time_invalid' | 'zone_unknown' | 'day_invalid'
  readonly message: string
  readonly hint: string
}

/** Everything that is wrong with a schedule of the right shape; empty when it can be kept. */
export function validateSchedule(schedule: Schedule): ScheduleProblem[] {
  if (schedule.kind === 'hourly' || schedule.kind === 'api') return []
  const problems: ScheduleProblem[] = []
  if (!/^([01]\d|2[0-3]):[0-5]\d$/.test(schedule.time))
    problems.push({
      path: 'time',
      code: 'time_invalid',
      message: `${JSON.stringify(schedule.time)} is no time of day.`,
      hint: 'Write HH:MM from 00:00 to 23:59.',
    })
  if (!isZone(schedule.zone))
    problems.push({
      path: 'zone',
      code: 'zone_unknown',
      message: `${JSON.stringify(schedule.zone)} is no time zone.`,
      hint: 'Use an IANA name such as Europe/Berlin or UTC.',
    })
  if (schedule.kind === 'weekly' && !(Number.isInteger(schedule.day) && schedule.day >= 1 && schedule.day <= 7))
    problems.push({
      path: 'day',
      code: 'day_invalid',
      message: `${schedule.day} is no day of the week.`,
      hint: 'Use 1 for Monday to 7 for Sunday.',
    })
  return problems
}

function isZone(zone: string): boolean {
  // Offsets such as +02:00 are taken by Intl, but a sync has a place whose clock changes.
  if (!/^[A-Za-z]/.test(zone)) return false
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone !== ''
  } catch {
    return false // RangeError: unknown to the ICU data
  }
}
