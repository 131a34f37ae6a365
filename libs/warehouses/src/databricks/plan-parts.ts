import type { ReadPlan } from '../warehouse.ts'
import type { Part } from './statements.ts'
import { type TypeRuleName, typeRules } from './types.ts'

/** What a run's plan remembers beside what all plans have. */
export type DatabricksPin = {
  readonly rules: readonly TypeRuleName[]
  /** The version that is read; null for what has none: views, and tables that are not of Delta. */
  readonly version: number | null
  /** Append: rows after this are read. */
  readonly from: string | null
  /** Mirror: up to which version the last run has read; null for a first run. */
  readonly start: number | null
}

/** Each part scans the table, so there are few. */
const partsMax = 8

export function partsOf(rows: number, chunkRows: number, max = partsMax): readonly Part[] {
  const of = Math.min(max, Math.ceil(rows / chunkRows))
  return Array.from({ length: of }, (_, part) => ({ part, of }))
}

export function pinOf(plan: ReadPlan): DatabricksPin {
  const pin = plan.pin as Partial<DatabricksPin>
  const rules = Array.isArray(pin.rules) && pin.rules.every((rule) => Object.hasOwn(typeRules, rule))
  if (!rules || pin.rules?.length !== plan.schema.columns.length || pin.version === undefined)
    throw new Error('the plan is not one of a Databricks source')
  return pin as DatabricksPin
}
