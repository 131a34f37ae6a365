const dayMs = 86_400_000
/** Fewer days than this before its snapshot expires, a mirrored sync should run. */
const warnDays = 7

export type SnapshotWarning = {
  readonly code: 'snapshot_expires_soon' | 'snapshot_expired'
  readonly message: string
  readonly hint: string
}

/**
 * What to say of a mirrored sync by the time at which the snapshot of its last run expires; null while there is time. The
 * guide: run at least every two weeks, since snapshots live for 21 days.
 */
export function snapshotWarning(expiresAtMs: number, nowMs: number): SnapshotWarning | null {
  const leftMs = expiresAtMs - nowMs
  if (leftMs <= 0)
    return {
      code: 'snapshot_expired',
      message: 'The snapshot of the last run has expired: the next run cannot find out what has changed.',
      hint: 'Resync it, and run it at least every two weeks from now on.',
    }
  if (leftMs >= warnDays * dayMs) return null
  const days = Math.floor(leftMs / dayMs)
  const hours = Math.ceil(leftMs / 3_600_000)
  const left = days >= 2 ? `${days} days` : `${hours} ${hours === 1 ? 'hour' : 'hours'}`
  return {
    code: 'snapshot_expires_soon',
    message: `The snapshot of the last run expires in ${left}; without it the table cannot be compared.`,
    hint: 'Run the sync before that, and at least every two weeks.',
  }
}
