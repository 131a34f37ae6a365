import { markerSchema, updateBatchSchema } from '@millrace/domain/wire/avro-schemas.ts'
import type { Registry } from '@millrace/registry/registry.ts'
import { RegistryError } from '@millrace/registry/registry-error.ts'

export type WireKind = 'updates' | 'marker'

/** What the schema ids of updates topics stand for, asked once each. */
export class WireSchemas {
  readonly #registry: Registry
  readonly #known = new Map<number, WireKind>()

  constructor(registry: Registry) {
    this.#registry = registry
  }

  /** Known already? Then without waiting. */
  known(id: number): WireKind | undefined {
    return this.#known.get(id)
  }

  /** Rejects with RegistryError: `unavailable` passes, `unknown_id` does not. */
  async load(id: number): Promise<WireKind> {
    const { name, namespace } = await this.#registry.schemaById(id)
    const is = (schema: { readonly name: string; readonly namespace: string }) =>
      schema.name === name && schema.namespace === namespace
    const kind = is(markerSchema) ? 'marker' : is(updateBatchSchema) ? 'updates' : null
    if (kind === null) throw new RegistryError('unknown_id', `schema ${id} is none of an updates topic`)
    this.#known.set(id, kind)
    return kind
  }
}
