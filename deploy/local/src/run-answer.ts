/** What the control API says of a run. */
export type RunAnswer = {
  readonly id: string
  readonly syncId: string
  readonly importId: string
  readonly runSeq: number
  readonly state: string
  readonly counts: {
    readonly read: number
    readonly events: number
    readonly updates: number
    readonly deletes: number
    readonly userProfiles: number
    readonly groupProfiles: number
    readonly userUpdates: number
    readonly userDeletes: number
    readonly groupUpdates: number
    readonly groupDeletes: number
    readonly lookupRows: number
    readonly rejected: number
    readonly filtered: number
    readonly collapsed: number
    readonly readAgain: number
    readonly leftOut: number
    readonly missing: number
    readonly sent: number
  }
  /** Mirror: what the comparison has found. */
  readonly changes?: {
    readonly inserts: number
    readonly updates: number
    readonly deletes: number
    readonly knownRows: number
    readonly identicalRows: number
  } | null
  readonly progress: {
    readonly rowsPlanned?: number | null
    readonly rowsRead: number
    readonly rowsLoaded: number
    readonly rate?: number | null
    readonly secondsLeft?: number | null
  }
  /** The run in one sentence. */
  readonly report: string
  readonly error?: {
    readonly code: string
    readonly message: string
    readonly hint?: string
    readonly details?: Readonly<Record<string, unknown>>
  } | null
}

/** A run ended in another way than it should have. */
export class RunEndedError extends Error {
  readonly code = 'RUN_ENDED'
  readonly hint = 'Read the run in the control API, and the logs of the services.'
  readonly run: RunAnswer

  constructor(run: RunAnswer) {
    super(`Run ${run.id} ended as ${run.state}: ${run.error?.message ?? run.report}`)
    this.name = 'RunEndedError'
    this.run = run
  }
}

const OPEN = new Set(['queued', 'planning', 'reading', 'draining', 'cancelling'])

export function isOpen(run: RunAnswer): boolean {
  return OPEN.has(run.state)
}
