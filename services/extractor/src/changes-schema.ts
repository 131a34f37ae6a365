import { createHash } from 'node:crypto'
import { avroName } from '@millrace/domain/wire/avro-name.ts'
import { changeBatchSchema } from '@millrace/domain/wire/change-schema.ts'
import { changesTopic } from '@millrace/kafka/topic-names.ts'
import { RegistryError } from '@millrace/registry/registry-error.ts'
import type { RunContext } from '@millrace/store/runs/run-context.ts'
import type { ReadPlan } from '@millrace/warehouses/warehouse.ts'
import type { ExtractorContext } from './extractor-context.ts'

/**
 * The registry's id of the schema of a run's change batches; asked of the registry once per schema and process.
 *
 * The record's namespace, and so the subject, is of one generation of a sync: two tables of a source do not have to be
 * compatible, and a resync starts anew. Rejects with RegistryError `incompatible` when a column has changed its type
 * since the sync's earlier runs; but a mirror run has got here only because a person continues with that type, so its
 * schema gets a subject of its own. Whoever reads a batch reads it with the schema that it was written with.
 */
export async function registerChanges(
  context: ExtractorContext,
  run: RunContext,
  plan: Pick<ReadPlan, 'schema' | 'before'>,
): Promise<number> {
  const namespace = `millrace.changes.${avroName(run.syncId)}.g${run.generation}`
  try {
    return await registerUnder(namespace, context, run, plan)
  } catch (error) {
    const isRetyped = error instanceof RegistryError && error.code === 'incompatible'
    if (run.mode !== 'mirror' || !isRetyped) throw error
    return registerUnder(`${namespace}.t${hashOf(plan)}`, context, run, plan)
  }
}

function registerUnder(
  namespace: string,
  { registry }: ExtractorContext,
  run: RunContext,
  { schema, before }: Pick<ReadPlan, 'schema' | 'before'>,
): Promise<number> {
  const topic = changesTopic(run.warehouse, run.lane)
  return registry.register(topic, changeBatchSchema(schema, namespace, before) as object)
}

function hashOf({ schema, before }: Pick<ReadPlan, 'schema' | 'before'>): string {
  const parts = [schema.columns, before].map((columns) => columns.map(({ name, type }) => [name, type]))
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16)
}
