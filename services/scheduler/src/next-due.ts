import type { Schedule } from '@millrace/domain/sync/schedule.ts'
import { Cron } from 'croner'

/**
 * The first moment after `after` at which a schedule is due; null when it never is. Clocks that are put forward skip to
 * the next valid minute, clocks that are put back are due once.
 */
export function nextDue(schedule: Schedule, after: Date): Date | null {
  switch (schedule.kind) {
    case 'api':
      return null
    case 'hourly':
      return nextOf('0 * * * *', 'UTC', after)
    case 'daily':
      return nextOf(`${minuteAndHour(schedule.time)} * * *`, schedule.zone, after)
    case 'weekly':
      return nextOf(`${minuteAndHour(schedule.time)} * * ${schedule.day}`, schedule.zone, after)
  }
}

function minuteAndHour(time: string): string {
  const [hour, minute] = time.split(':').map(Number)
  return `${minute} ${hour}`
}

function nextOf(pattern: string, timezone: string, after: Date): Date | null {
  return new Cron(pattern, { timezone }).nextRun(after)
}
