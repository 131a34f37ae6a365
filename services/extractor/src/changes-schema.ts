import { avroName } from '@millrace/domain/wire/avro-name.ts'
import { changeBatchSchema } from '@millrace/domain/wire/change-schema.ts'
import { changesTopic } from '@millrace/kafka/topic-names.ts'
import type { RunContext } from '@millrace/store/runs/run-context.ts'
import type { ReadPlan } from '@millrace/warehouses/warehouse.ts'
import type { ExtractorContext } from './extractor-context.ts'

/**
 * The registry's id of the schema of a run's change batches; asked of the registry once per schema and process.
 *
 * The record's namespace, and so the subject, is of one generation of a sync: two tables of a source do not have to be
 * compatible, and a resync starts anew. Rejects with RegistryError `incompatible` when a column has changed its type
 * since the sync's earlier runs.
 */
export function registerChanges(
  context: ExtractorContext,
  run: RunContext,
  { schema, before }: Pick<ReadPlan, 'schema' | 'before'>,
): Promise<number> {
  const namespace = `millrace.changes.${avroName(run.syncId)}.g${run.generation}`
  return context.registry.register(
    changesTopic(run.warehouse, run.lane),
    changeBatchSchema(schema, namespace, before) as object,
  )
}
