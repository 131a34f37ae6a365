import type { ReadPlan } from '../warehouse.ts'
import type { SnowflakeClient } from './client.ts'
import { type TypeRuleName, typeRules } from './types.ts'

/** Where the rows of runs are kept while they are read. */
export type Place = {
  readonly client: SnowflakeClient
  /** Called after each step of a plan that is not undone by a crash: tests end a plan there. */
  readonly afterStep?: ((step: 'stream' | 'set_aside') => void | Promise<void>) | undefined
}

/** What a run's plan remembers beside what all plans have. */
export type SnowflakePin = {
  readonly runId: string
  /** The table of the connector's schema with the run's rows or changes. */
  readonly results: string
  readonly rules: readonly TypeRuleName[]
  /** Mirror: rules of the before-columns; null for plain rows. */
  readonly before: readonly TypeRuleName[] | null
  /** Mirror: the stream that this run leaves to the next one, and the one that it began from. */
  readonly stream: string | null
  readonly lastStream: string | null
}

/** Rows `from` to `to` of the run, both included. */
export type SnowflakeChunk = { readonly from: number; readonly to: number }

export function pinOf(plan: ReadPlan): SnowflakePin {
  const pin = plan.pin as Partial<SnowflakePin>
  const rules = Array.isArray(pin.rules) && pin.rules.every((rule) => Object.hasOwn(typeRules, rule))
  if (!rules || pin.rules?.length !== plan.schema.columns.length || typeof pin.results !== 'string')
    throw new Error('the plan is not one of a Snowflake source')
  return pin as SnowflakePin
}

/** A plan is one value of the store: beyond so many chunks they grow. */
const chunksMax = 10_000

export function chunksOf(rows: number, chunkRows: number): readonly SnowflakeChunk[] {
  const size = Math.max(1, chunkRows, Math.ceil(rows / chunksMax))
  return Array.from({ length: Math.ceil(rows / size) }, (_, i) => ({
    from: i * size + 1,
    to: Math.min((i + 1) * size, rows),
  }))
}
