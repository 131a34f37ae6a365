/** A run that would delete more of a sync's rows than this waits for a person, unless the sync says otherwise. */
export const deletionPercentMaxDefault = 20

export type DeletionAnswer =
  | { readonly ok: true }
  | {
      readonly ok: false
      readonly code: 'needs_confirmation'
      /** Rounded down; null when no rows were known. */
      readonly percent: number | null
      readonly message: string
      readonly hint: string
    }

/**
 * May a run delete so many rows? Guards against a source that was emptied or replaced by mistake. `knownRows` are the rows
 * of the sync after its last succeeded run; a table without a key counts each changed row among the deletes, since the old one
 * goes and another comes. `confirmedDeletes` is what a person has agreed to for this run: more than that is asked again.
 */
export function checkDeletions(run: {
  readonly deletes: number
  readonly knownRows: number
  /** 0 to 100. */
  readonly percentMax?: number
  readonly confirmedDeletes?: number
}): DeletionAnswer {
  const { deletes, knownRows, percentMax = deletionPercentMaxDefault, confirmedDeletes = 0 } = run
  if (deletes === 0 || deletes <= confirmedDeletes || deletes * 100 <= knownRows * percentMax) return { ok: true }
  const percent = knownRows === 0 ? null : Math.floor((deletes * 100) / knownRows)
  const share = percent === null ? 'of no known rows' : `of ${knownRows}, ${percent} %`
  return {
    ok: false,
    code: 'needs_confirmation',
    percent,
    message: `The run would delete ${deletes} rows ${share}; more than ${percentMax} % needs a confirmation. Nothing was sent.`,
    hint: 'Look at the table first. Confirm the run if the rows are meant to go, or cancel it and restore the table.',
  }
}
