import { sql } from 'kysely'
import { inTransaction } from '../in-transaction.ts'
import { jsonText } from '../json-text.ts'
import type { Queries } from '../open-store.ts'
import { putSealedFields } from '../secrets/put-sealed-fields.ts'
import type { SealedField } from '../secrets/sealed-fields.ts'

export type SourceChange = {
  readonly projectId: string
  readonly sourceId: string
  readonly name?: string | undefined
  readonly options?: Readonly<Record<string, unknown>> | undefined
  /** Sealed for the owner `source:<id>`; fields that are not named stay, unless `dropOtherSecrets`. */
  readonly secrets: readonly SealedField[]
  readonly dropOtherSecrets: boolean
}

/**
 * Changes a source; runs at work take the new connection up with their next task. False when the project has none of
 * this id. Throws StoreError `conflict` when it has another one of the new name.
 */
export async function updateSource(db: Queries, change: SourceChange): Promise<boolean> {
  return inTransaction(db, async (tx) => {
    const updated = await tx
      .updateTable('sources')
      .set({
        // clock_timestamp: later than what any other transaction has seen, since it is taken under the row's lock.
        updated_at: sql<Date>`clock_timestamp()`,
        ...(change.name === undefined ? {} : { name: change.name }),
        ...(change.options === undefined ? {} : { options: jsonText(change.options) }),
      })
      .where('id', '=', change.sourceId)
      .where('project_id', '=', change.projectId)
      .where('deleted_at', 'is', null)
      .returning('id')
      .executeTakeFirst()
    if (!updated) return false
    if (change.dropOtherSecrets)
      await tx.deleteFrom('secrets').where('owner', '=', `source:${change.sourceId}`).execute()
    await putSealedFields(tx, `source:${change.sourceId}`, change.secrets)
    return true
  })
}
