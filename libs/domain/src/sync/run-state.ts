/**
 * The life of a run: docs/architecture.md, "The life of a run".
 *
 *     queued -> planning -> reading -> draining -> succeeded
 *     any state before the end -> failed
 *     any state before the end -> cancelling -> cancelled        (a queued run is cancelled at once)
 */
export const runStates = [
  'queued',
  'planning',
  'reading',
  'draining',
  'succeeded',
  'failed',
  'cancelling',
  'cancelled',
] as const
export type RunState = (typeof runStates)[number]

/** A run in one of these never changes again; its sync may start the next one. */
export const finalRunStates = ['succeeded', 'failed', 'cancelled'] as const satisfies readonly RunState[]
export type FinalRunState = (typeof finalRunStates)[number]

/** At most one run of a sync is in one of these. */
export const openRunStates = [
  'queued',
  'planning',
  'reading',
  'draining',
  'cancelling',
] as const satisfies readonly RunState[]

/** Which states may follow a state. */
export const nextRunStates: Readonly<Record<RunState, readonly RunState[]>> = {
  queued: ['planning', 'failed', 'cancelled'],
  planning: ['reading', 'failed', 'cancelling'],
  reading: ['draining', 'failed', 'cancelling'],
  draining: ['succeeded', 'failed', 'cancelling'],
  cancelling: ['cancelled', 'failed'],
  succeeded: [],
  failed: [],
  cancelled: [],
}

export function isFinalRunState(state: RunState): state is FinalRunState {
  return nextRunStates[state].length === 0
}

export function mayRunBecome(from: RunState, to: RunState): boolean {
  return nextRunStates[from].includes(to)
}
