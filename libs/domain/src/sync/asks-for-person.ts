import type { Mode } from '../words.ts'
import type { TaskKind } from './task-kind.ts'

/** Errors after which a mirrored sync starts no more runs until a person has decided how it goes on. */
const decisionCodes: ReadonlySet<string> = new Set(['needs_confirmation', 'schema_changed', 'resync_required'])

/**
 * Must a person decide before the sync of a failed run may start another one? A schema that changes while the rows are
 * being read is the run's own trouble: the next plan finds it, and says what has changed.
 */
export function asksForPerson(failed: {
  readonly mode: Mode
  readonly kind: TaskKind
  readonly code: string
}): boolean {
  const { mode, kind, code } = failed
  if (mode !== 'mirror' || !decisionCodes.has(code)) return false
  return kind === 'plan' || code === 'resync_required'
}
