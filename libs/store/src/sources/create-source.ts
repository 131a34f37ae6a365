import type { WarehouseKind } from '@millrace/domain/words.ts'
import { inTransaction } from '../in-transaction.ts'
import { jsonText } from '../json-text.ts'
import type { Queries } from '../open-store.ts'
import { putSealedFields } from '../secrets/put-sealed-fields.ts'
import type { SealedField } from '../secrets/sealed-fields.ts'

export type NewSource = {
  readonly id: string
  readonly projectId: string
  readonly name: string
  readonly warehouse: WarehouseKind
  readonly options: Readonly<Record<string, unknown>>
  /** Sealed for the owner `source:<id>`. */
  readonly secrets: readonly SealedField[]
}

/** Adds a source. Throws StoreError `conflict` when the project has one of this name. */
export async function createSource(db: Queries, source: NewSource): Promise<void> {
  await inTransaction(db, async (tx) => {
    const { id, name, warehouse } = source
    await tx
      .insertInto('sources')
      .values({ id, project_id: source.projectId, name, warehouse, options: jsonText(source.options) })
      .execute()
    await putSealedFields(tx, `source:${id}`, source.secrets)
  })
}
