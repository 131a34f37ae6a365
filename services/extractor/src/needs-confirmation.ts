import { MillraceError } from '@millrace/domain/errors.ts'
import { checkDeletions } from '@millrace/domain/sync/deletion-guard.ts'
import type { PlanInputs } from '@millrace/store/runs/plan-inputs.ts'
import type { ReadPlan } from '@millrace/warehouses/warehouse.ts'

/** A run would delete so many rows that a person must confirm it first; `details` is what they decide by. */
export class NeedsConfirmation extends MillraceError {
  declare readonly code: 'needs_confirmation'
  readonly details: { readonly deletes: number; readonly knownRows: number; readonly percent: number | null }

  constructor(message: string, hint: string, details: NeedsConfirmation['details']) {
    super('needs_confirmation', message, hint)
    this.details = details
  }
}

/**
 * Throws `NeedsConfirmation` when the plan of a mirror run would delete more of the sync's rows than it may, and nobody has
 * confirmed as many. Plans of other modes delete nothing.
 */
export function requireConfirmation(
  { changes }: Pick<ReadPlan, 'changes'>,
  { deletionPercentMax, decision }: Pick<PlanInputs, 'deletionPercentMax' | 'decision'>,
): void {
  if (changes === null) return
  const { deletes, knownRows } = changes
  const answer = checkDeletions({
    deletes,
    knownRows,
    ...(deletionPercentMax === null ? {} : { percentMax: deletionPercentMax }),
    ...(decision?.confirmedDeletes === undefined ? {} : { confirmedDeletes: decision.confirmedDeletes }),
  })
  if (!answer.ok)
    throw new NeedsConfirmation(answer.message, answer.hint, { deletes, knownRows, percent: answer.percent })
}
