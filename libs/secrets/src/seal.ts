import { createCipheriv, randomBytes } from 'node:crypto'
import { type Kek, keyBytes, nonceBytes } from './kek.ts'
import { additionalData, keyVersion, type Sealed, type SecretPlace } from './sealed.ts'

/** Encrypts one secret for one place, under a data key of its own that is wrapped by the current key-encryption key. */
export function seal(options: SecretPlace & { readonly kek: Kek; readonly plaintext: string }): Sealed {
  const dataKey = randomBytes(keyBytes)
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv('aes-256-gcm', dataKey, nonce)
  cipher.setAAD(additionalData(options, keyVersion))
  const ciphertext = Buffer.concat([cipher.update(options.plaintext, 'utf8'), cipher.final()])
  const { kekId, wrapped } = options.kek.wrap(dataKey)
  dataKey.fill(0)
  return { keyVersion, kekId, wrappedKey: wrapped, nonce, ciphertext, tag: cipher.getAuthTag() }
}
