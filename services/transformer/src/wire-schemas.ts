import type { Column, RowSchema } from '@millrace/domain/row-schema.ts'
import { markerSchema, updateBatchSchema } from '@millrace/domain/wire/avro-schemas.ts'
import { beforeColumnsFromAvro, rowSchemaFromAvro } from '@millrace/domain/wire/change-schema.ts'
import { compileSkipRow, type SkipRow } from '@millrace/domain/wire/skip-row.ts'
import type { Registry } from '@millrace/registry/registry.ts'

/** What a schema id of a changes topic stands for. */
export type WireSchema =
  | {
      readonly kind: 'changes'
      readonly rowSchema: RowSchema
      readonly before: readonly Column[]
      readonly skipRow: SkipRow
    }
  | { readonly kind: 'marker' }

/** Schemas of changes topics, taken apart once per id; ids of the schemas that updates topics carry. */
export class WireSchemas {
  readonly #registry: Registry
  readonly #known = new Map<number, WireSchema>()

  constructor(registry: Registry) {
    this.#registry = registry
  }

  /** Known already? Then without waiting. */
  known(id: number): WireSchema | undefined {
    return this.#known.get(id)
  }

  /** Rejects with RegistryError (`unavailable` passes, `unknown_id` does not) or AvroError for a schema that is no change batch. */
  async load(id: number): Promise<WireSchema> {
    const schema = await this.#registry.schemaById(id)
    const wire: WireSchema = isMarker(schema)
      ? { kind: 'marker' }
      : changes(rowSchemaFromAvro(schema), beforeColumnsFromAvro(schema))
    this.#known.set(id, wire)
    return wire
  }

  /** Ids under which an updates topic's batches and markers are written. */
  async updatesIds(topic: string): Promise<{ readonly batch: number; readonly marker: number }> {
    const batch = await this.#registry.register(topic, updateBatchSchema)
    const marker = await this.#registry.register(topic, markerSchema)
    return { batch, marker }
  }
}

function changes(rowSchema: RowSchema, before: readonly Column[]): WireSchema {
  return { kind: 'changes', rowSchema, before, skipRow: compileSkipRow(rowSchema) }
}

function isMarker(schema: { readonly name: string; readonly namespace?: string }): boolean {
  return schema.name === markerSchema.name && schema.namespace === markerSchema.namespace
}
