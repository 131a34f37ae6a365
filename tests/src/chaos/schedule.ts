import { seededRandom } from '@millrace/testkit/seeded-random.ts'

/** One blow against one process of a stack. */
export type Strike = {
  /** Falls when this share of the run's rows is loaded, 0 to 1. */
  readonly at: number
  readonly victim: string
  /** Killed and started again, or stopped like a machine that hangs and continued. */
  readonly how: 'SIGKILL' | 'SIGSTOP'
  /** How long the process is away, ms. */
  readonly awayMs: number
}

/** A run of a campaign: rows that are new since the run before, and what falls on it. */
export type ChaosRun = { readonly rows: number; readonly strikes: readonly Strike[] }

export type Victims = { readonly services: readonly string[]; readonly servers: readonly string[] }

const runs = 3
const strikesMax = 5
const firstRows = 100_000
const laterRows = 40_000
/** Longer than the time after which a silent member of a group or holder of a lease is taken for dead: it comes back as a zombie. */
const awayMsMax = 8_000

/** The runs of a seed and their strikes, in the order of their shares. The same seed and victims give the same schedule. */
export function chaosSchedule(seed: number, { services, servers }: Victims): ChaosRun[] {
  const random = seededRandom(seed)
  const below = (limit: number) => Math.floor(random() * limit)
  const strike = (): Strike => {
    const victims = random() < 0.7 ? services : servers
    return {
      at: Math.round(random() * 90) / 100,
      victim: victims[below(victims.length)]!,
      how: random() < 0.6 ? 'SIGKILL' : 'SIGSTOP',
      awayMs: 100 + below(awayMsMax),
    }
  }
  return Array.from({ length: runs }, (_, n) => ({
    rows: n === 0 ? firstRows : laterRows,
    strikes: Array.from({ length: 1 + below(strikesMax) }, strike).sort((a, b) => a.at - b.at),
  }))
}

export function strikeText({ at, victim, how, awayMs }: Strike): string {
  return `at ${Math.round(at * 100)} % ${how} ${victim}, away for ${(awayMs / 1000).toFixed(1)} s`
}
