import type { Queries } from '../open-store.ts'

/** A secret as it is stored: sealed by libs/secrets, of no use without the key-encryption key. */
export type SealedField = {
  readonly field: string
  readonly keyVersion: number
  readonly kekId: string
  readonly wrappedKey: Buffer
  readonly nonce: Buffer
  readonly ciphertext: Buffer
  readonly tag: Buffer
}

/** The secrets of an owner: `source:<id>` or `project:<id>`. */
export async function sealedFields(db: Queries, owner: string): Promise<SealedField[]> {
  return db
    .selectFrom('secrets')
    .select([
      'field',
      'key_version as keyVersion',
      'kek_id as kekId',
      'wrapped_key as wrappedKey',
      'nonce',
      'ciphertext',
      'tag',
    ])
    .where('owner', '=', owner)
    .orderBy('field')
    .execute()
}
