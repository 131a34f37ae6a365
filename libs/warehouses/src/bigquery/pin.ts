import type { ReadPlan } from '../warehouse.ts'
import type { Comparison } from './compare.ts'
import { type TypeRuleName, typeRules } from './types.ts'

/** What a run's plan remembers beside what all plans have. */
export type BigQueryPin = {
  readonly runId: string
  /** Grows each time the rows are set aside anew. */
  readonly epoch: number
  /** The moment the table is read at; null for views, which have no past. */
  readonly at: string | null
  /** The table of the staging dataset with the run's rows, and their number; null when there are none to read. */
  readonly results: string | null
  readonly rows: number
  /** The session whose streams are the chunks; without one, chunks are pages of the table. */
  readonly session?: string
  readonly rules: readonly TypeRuleName[]
  /** Of a mirror run: what was compared, so that it can be set aside anew, and the types of the old values. */
  readonly mirror?: { readonly comparison: Comparison; readonly beforeRules: readonly TypeRuleName[] }
}

/** What a process needs to have read at the same position: the session expires, the table may be removed. */
export function sharedOf({ session, results }: BigQueryPin): string | null {
  return session ?? results
}

/** Throws a plain Error for a plan of another warehouse. */
export function pinOf(plan: ReadPlan): BigQueryPin {
  const pin = plan.pin as Partial<BigQueryPin>
  const rules = Array.isArray(pin.rules) && pin.rules.every((rule) => Object.hasOwn(typeRules, rule))
  if (!rules || pin.rules?.length !== plan.schema.columns.length || typeof pin.runId !== 'string')
    throw new Error('the plan is not one of a BigQuery source')
  return pin as BigQueryPin
}
