import { type CompiledMapping, compileMapping } from '@millrace/domain/mapping/compile.ts'
import type { Mapping } from '@millrace/domain/mapping/mapping.ts'
import type { Column, RowSchema } from '@millrace/domain/row-schema.ts'
import type { WarehouseKind } from '@millrace/domain/words.ts'

/** What the transformer needs to know of a run. */
export type TransformRun = {
  readonly runId: string
  readonly syncId: string
  readonly importId: string
  readonly warehouse: WarehouseKind
  readonly generation: number
  readonly mapping: Mapping
  readonly state: string
}

export type RunTransforms = {
  /** The run's compiled mapping for rows of a schema, or why its batches need no work. */
  of(runId: string, schemaId: number): RunTransform | undefined
  /** Loads what `of` did not know. Rejects as the look-up does, or when the mapping does not fit the schema. */
  load(runId: string, schemaId: number, rowSchema: RowSchema, before: readonly Column[]): Promise<RunTransform>
}

export type RunTransform =
  | { readonly kind: 'transform'; readonly mapping: CompiledMapping }
  | { readonly kind: 'drop'; readonly reason: 'run_ended' | 'run_unknown' }

/** Nobody counts batches of these any more. */
const endedStates: ReadonlySet<string> = new Set(['cancelling', 'cancelled', 'failed'])
const entriesMax = 256
/** A run's mapping is pinned, but its state is not: it is looked at again after this. */
const freshMs = 10_000

/** Compiled mappings by run and schema, looked up in the store once, bounded in number. */
export function createRunTransforms(
  lookUp: (runId: string) => Promise<TransformRun | null>,
  now: () => number,
): RunTransforms {
  const entries = new Map<string, { readonly transform: RunTransform; freshUntil: number }>()
  const keyOf = (runId: string, schemaId: number) => `${runId}/${schemaId}`
  return {
    of(runId, schemaId) {
      const entry = entries.get(keyOf(runId, schemaId))
      return entry && now() < entry.freshUntil ? entry.transform : undefined
    },
    async load(runId, schemaId, rowSchema, before) {
      const key = keyOf(runId, schemaId)
      const run = await lookUp(runId)
      const known = entries.get(key)?.transform
      const transform = known?.kind === 'transform' && isWanted(run) ? known : compileFor(run, rowSchema, before)
      entries.delete(key)
      entries.set(key, { transform, freshUntil: now() + freshMs })
      if (entries.size > entriesMax) entries.delete(entries.keys().next().value!)
      return transform
    },
  }
}

function isWanted(run: TransformRun | null): run is TransformRun {
  return run !== null && !endedStates.has(run.state)
}

function compileFor(run: TransformRun | null, schema: RowSchema, before: readonly Column[]): RunTransform {
  if (run === null) return { kind: 'drop', reason: 'run_unknown' }
  if (!isWanted(run)) return { kind: 'drop', reason: 'run_ended' }
  const { mapping, syncId, generation, importId, warehouse } = run
  const context = { syncId, generation, importId, warehouse, strict: true } as const
  return { kind: 'transform', mapping: compileMapping({ mapping, schema, before, context }) }
}
