import { createDecipheriv } from 'node:crypto'
import { type Kek, nonceBytes, tagBytes } from './kek.ts'
import { additionalData, keyVersion, type Sealed, type SecretPlace } from './sealed.ts'
import { SecretError } from './secret-error.ts'

/**
 * The secret that was sealed for this very place. Throws SecretError: `kek_unknown` when its key-encryption key is gone,
 * `secret_unreadable` when any bit of it, or the place, is another one.
 */
export function open(options: SecretPlace & { readonly kek: Kek; readonly sealed: Sealed }): string {
  const { kek, sealed } = options
  if (sealed.keyVersion !== keyVersion || sealed.nonce.length !== nonceBytes || sealed.tag.length !== tagBytes)
    throw unreadable(options)
  const dataKey = kek.unwrap({ kekId: sealed.kekId, wrapped: sealed.wrappedKey })
  try {
    const decipher = createDecipheriv('aes-256-gcm', dataKey, sealed.nonce, { authTagLength: tagBytes })
    decipher.setAAD(additionalData(options, sealed.keyVersion))
    decipher.setAuthTag(sealed.tag)
    return Buffer.concat([decipher.update(sealed.ciphertext), decipher.final()]).toString('utf8')
  } catch (cause) {
    throw unreadable(options, cause)
  } finally {
    dataKey.fill(0)
  }
}

function unreadable({ owner, field }: SecretPlace, cause?: unknown): SecretError {
  return new SecretError(
    'secret_unreadable',
    `The stored ${field} of ${owner} cannot be opened.`,
    'It was changed in the store or belongs elsewhere. Enter it again.',
    { cause },
  )
}
