import { sql } from 'kysely'
import { inTransaction } from '../in-transaction.ts'
import { jsonText } from '../json-text.ts'
import type { Queries } from '../open-store.ts'
import { putSealedFields } from '../secrets/put-sealed-fields.ts'
import type { SealedField } from '../secrets/sealed-fields.ts'
import { replaceAttention } from './replace-attention.ts'

export type ProjectChange = {
  readonly id: string
  readonly name?: string | undefined
  /** A new destination; the attention that the old one asked for is forgotten, and syncs that waited go on. */
  readonly destination?: Readonly<Record<string, unknown>> | undefined
  /** Sealed for the owner `project:<id>`; fields that are not named stay. */
  readonly secrets: readonly SealedField[]
}

/** Changes a project; false when there is none of this id. */
export async function updateProject(db: Queries, change: ProjectChange): Promise<boolean> {
  return inTransaction(db, async (tx) => {
    const newDestination = change.destination !== undefined || change.secrets.length > 0
    const updated = await tx
      .updateTable('projects')
      .set({
        updated_at: sql<Date>`now()`,
        ...(change.name === undefined ? {} : { name: change.name }),
        ...(change.destination === undefined ? {} : { destination: jsonText(change.destination) }),
      })
      .where('id', '=', change.id)
      .returning('id')
      .executeTakeFirst()
    if (!updated) return false
    if (newDestination) await replaceAttention(tx, change.id, null)
    await putSealedFields(tx, `project:${change.id}`, change.secrets)
    return true
  })
}
