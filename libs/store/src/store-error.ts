import { MillraceError } from '@millrace/domain/errors.ts'

/**
 * - `unavailable`: Postgres is away, full, too busy or too slow, or broke a deadlock. Nothing of the operation is known
 *   to have happened; wait and do it again (every operation says what a repetition does).
 * - `run_open_exists`: the sync has a run that is not finished; `runId` names it.
 * - `sync_not_active`: the sync is paused, needs attention or is deleted; it takes no new runs.
 * - `conflict`: something with that name or id exists already, or it was changed meanwhile.
 * - `in_use`: something else still refers to it.
 * - `not_found`: what the operation names does not exist.
 * - `refused`: Postgres does not take the value or the statement; repeating it changes nothing.
 */
export type StoreErrorCode =
  | 'unavailable'
  | 'run_open_exists'
  | 'sync_not_active'
  | 'conflict'
  | 'in_use'
  | 'not_found'
  | 'refused'

const hints: Record<StoreErrorCode, string> = {
  unavailable: 'Check that Postgres runs and that MILLRACE_STORE_URL names it; the work goes on when it is back.',
  run_open_exists: 'Wait for the open run to end, or cancel it.',
  sync_not_active: 'Mend what the state of the sync names, then set it to active.',
  conflict: 'Read the present state and decide again.',
  in_use: 'Remove what refers to it first.',
  not_found: 'Check the id.',
  refused: 'This is a fault of the program or of the grants of its database role; see the cause.',
}

/** Trouble with the control store. */
export class StoreError extends MillraceError {
  declare readonly code: StoreErrorCode
  /** `run_open_exists` only: the run that is open. */
  readonly runId: string | null
  /** Unique or foreign key that was hurt, as migrations/ names it. */
  readonly constraint: string | null

  constructor(
    code: StoreErrorCode,
    message: string,
    options: { readonly cause?: unknown; readonly runId?: string; readonly constraint?: string } = {},
  ) {
    super(code, message, hints[code], { cause: options.cause })
    this.runId = options.runId ?? null
    this.constraint = options.constraint ?? null
  }
}

/** Is this an error that passes, so that waiting and repeating is right? */
export function isUnavailable(error: unknown): boolean {
  return error instanceof StoreError && error.code === 'unavailable'
}
