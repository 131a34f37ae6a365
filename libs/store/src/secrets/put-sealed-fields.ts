import { sql } from 'kysely'
import type { Queries } from '../open-store.ts'
import type { SealedField } from './sealed-fields.ts'

/** Stores secrets of an owner, in place of those of the same fields. Others stay. */
export async function putSealedFields(db: Queries, owner: string, fields: readonly SealedField[]): Promise<void> {
  if (fields.length === 0) return
  await db
    .insertInto('secrets')
    .values(
      fields.map(({ field, keyVersion, kekId, wrappedKey, nonce, ciphertext, tag }) => ({
        owner,
        field,
        key_version: keyVersion,
        kek_id: kekId,
        wrapped_key: wrappedKey,
        nonce,
        ciphertext,
        tag,
      })),
    )
    .onConflict((conflict) =>
      conflict.columns(['owner', 'field']).doUpdateSet((row) => ({
        key_version: row.ref('excluded.key_version'),
        kek_id: row.ref('excluded.kek_id'),
        wrapped_key: row.ref('excluded.wrapped_key'),
        nonce: row.ref('excluded.nonce'),
        ciphertext: row.ref('excluded.ciphertext'),
        tag: row.ref('excluded.tag'),
        updated_at: sql`now()`,
      })),
    )
    .execute()
}
