import type { ReadPlan } from '../warehouse.ts'
import { type TypeRuleName, typeRules } from './types.ts'
import { groupFiles, type UnloadedFile } from './unload.ts'

/** What a run's plan remembers beside what all plans have. */
export type RedshiftPin = {
  readonly runId: string
  /** Grows each time the rows are unloaded anew. */
  readonly epoch: number
  /** The table of the staging schema with the run's rows or changes. */
  readonly results: string
  /** Where they are in the bucket. */
  readonly path: string
  readonly rules: readonly TypeRuleName[]
  /** Mirror: rules of the before-columns in the files, none in a first run; null for plain rows. */
  readonly before: readonly TypeRuleName[] | null
  /** Mirror: the snapshot that this run has made, and the one that it began from. */
  readonly snapshot: string | null
  readonly lastSnapshot: string | null
}

export type RedshiftChunk = { readonly files: readonly string[]; readonly rows: number }

export function pinOf(plan: ReadPlan): RedshiftPin {
  const pin = plan.pin as Partial<RedshiftPin>
  const rules = Array.isArray(pin.rules) && pin.rules.every((rule) => Object.hasOwn(typeRules, rule))
  if (!rules || pin.rules?.length !== plan.schema.columns.length || typeof pin.path !== 'string')
    throw new Error('the plan is not one of a Redshift source')
  return pin as RedshiftPin
}

export function chunksOf(files: readonly UnloadedFile[], chunkRows: number): readonly RedshiftChunk[] {
  return groupFiles(files, chunkRows).map(chunkOf)
}

/** Other files for the same chunks: their number was stored with the run. The last one takes what is more. */
export function regrouped(files: readonly UnloadedFile[], chunks: readonly RedshiftChunk[]): readonly RedshiftChunk[] {
  const aim = Math.max(1, ...chunks.map(({ rows }) => rows))
  const groups = groupFiles(files, aim)
  return chunks.map((_, i) => chunkOf(i === chunks.length - 1 ? groups.slice(i).flat() : (groups[i] ?? [])))
}

function chunkOf(files: readonly UnloadedFile[]): RedshiftChunk {
  return { files: files.map(({ name }) => name), rows: files.reduce((sum, { rows }) => sum + rows, 0) }
}
