import type { Queries } from '../open-store.ts'
import type { SealedField } from './sealed-fields.ts'

export type OwnedField = SealedField & { readonly owner: string }
export type FieldKey = { readonly owner: string; readonly field: string }

/** Secrets whose data keys are wrapped under another key than `kekId`, in the order of their keys, after `after`. */
export async function sealedUnderOthers(
  db: Queries,
  { kekId, after, limit }: { readonly kekId: string; readonly after: FieldKey | null; readonly limit: number },
): Promise<OwnedField[]> {
  return db
    .selectFrom('secrets')
    .select([
      'owner',
      'field',
      'key_version as keyVersion',
      'kek_id as kekId',
      'wrapped_key as wrappedKey',
      'nonce',
      'ciphertext',
      'tag',
    ])
    .where('kek_id', '<>', kekId)
    .$if(after !== null, (query) =>
      query.where(({ eb, refTuple, tuple }) =>
        eb(refTuple('owner', 'field'), '>', tuple(after?.owner ?? '', after?.field ?? '')),
      ),
    )
    .orderBy('owner')
    .orderBy('field')
    .limit(limit)
    .execute()
}

/**
 * Stores a data key in its new wrapping, unless the secret was replaced in the meantime: false then. What is not the
 * wrapping stays as it is, so whoever uses the owner does not have to open it again.
 */
export async function replaceWrapping(db: Queries, before: OwnedField, after: SealedField): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('secrets')
    .set({ kek_id: after.kekId, wrapped_key: after.wrappedKey })
    .where('owner', '=', before.owner)
    .where('field', '=', before.field)
    .where('wrapped_key', '=', before.wrappedKey)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}
