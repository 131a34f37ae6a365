import { inTransaction } from '../in-transaction.ts'
import { jsonText } from '../json-text.ts'
import type { Queries } from '../open-store.ts'
import { putSealedFields } from '../secrets/put-sealed-fields.ts'
import type { SealedField } from '../secrets/sealed-fields.ts'

export type NewProject = {
  readonly id: string
  readonly name: string
  /** DestinationConfig without its secrets. */
  readonly destination: Readonly<Record<string, unknown>>
  /** Sealed for the owner `project:<id>`. */
  readonly secrets: readonly SealedField[]
}

/** Adds a project. Throws StoreError `conflict` when the id exists. */
export async function createProject(db: Queries, { id, name, destination, secrets }: NewProject): Promise<void> {
  await inTransaction(db, async (tx) => {
    await tx
      .insertInto('projects')
      .values({ id, name, destination: jsonText(destination) })
      .execute()
    await putSealedFields(tx, `project:${id}`, secrets)
  })
}
