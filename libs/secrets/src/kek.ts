import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject, randomBytes } from 'node:crypto'
import { SecretError } from './secret-error.ts'

export const keyBytes = 32
export const nonceBytes = 12
export const tagBytes = 16
const keysMax = 100

/** A data key as it is stored: encrypted under the key-encryption key `kekId`. */
export type WrappedKey = { readonly kekId: string; readonly wrapped: Buffer }

/**
 * The key-encryption keys: the first one wraps, all of them unwrap, so that a key can be rotated while secrets are still
 * wrapped under the one before. The keys cannot be read out of it.
 *
 *     wrapped = nonce(12) ciphertext(32) tag(16)      AES-256-GCM, additional data = the key's id
 */
export class Kek {
  /** Id of the key that new secrets are wrapped under. */
  readonly currentId: string
  readonly #keys: ReadonlyMap<string, KeyObject>

  /** In order: the current key first. Each key has 32 bytes. */
  constructor(keys: readonly { readonly id: string; readonly key: Uint8Array }[]) {
    const [current] = keys
    if (current === undefined) throw invalid('holds no key')
    if (keys.length > keysMax) throw invalid(`holds more than ${keysMax} keys`)
    if (new Set(keys.map(({ id }) => id)).size < keys.length) throw invalid('uses an id twice')
    if (keys.some(({ key }) => key.length !== keyBytes)) throw invalid(`has a key that is not ${keyBytes} bytes long`)
    this.currentId = current.id
    this.#keys = new Map(keys.map(({ id, key }) => [id, createSecretKey(key)]))
  }

  wrap(dataKey: Uint8Array): WrappedKey {
    const nonce = randomBytes(nonceBytes)
    const cipher = createCipheriv('aes-256-gcm', this.#key(this.currentId), nonce)
    cipher.setAAD(Buffer.from(this.currentId))
    const wrapped = Buffer.concat([nonce, cipher.update(dataKey), cipher.final(), cipher.getAuthTag()])
    return { kekId: this.currentId, wrapped }
  }

  /** Throws SecretError `kek_unknown` or `secret_unreadable`. */
  unwrap({ kekId, wrapped }: WrappedKey): Buffer {
    const key = this.#key(kekId)
    if (wrapped.length !== nonceBytes + keyBytes + tagBytes) throw unreadable()
    const decipher = createDecipheriv('aes-256-gcm', key, wrapped.subarray(0, nonceBytes), { authTagLength: tagBytes })
    decipher.setAAD(Buffer.from(kekId))
    decipher.setAuthTag(wrapped.subarray(-tagBytes))
    try {
      return Buffer.concat([decipher.update(wrapped.subarray(nonceBytes, -tagBytes)), decipher.final()])
    } catch (cause) {
      throw unreadable(cause)
    }
  }

  #key(id: string): KeyObject {
    const key = this.#keys.get(id)
    if (key) return key
    throw new SecretError(
      'kek_unknown',
      `A secret is wrapped under the key ${JSON.stringify(id)}, which the key file does not hold.`,
      'Put the old key back below the current one, and re-wrap before removing it.',
    )
  }
}

function invalid(what: string): SecretError {
  return new SecretError('kek_invalid', `The key file ${what}.`, 'Write one key a line: id:base64 of 32 random bytes.')
}

function unreadable(cause?: unknown): SecretError {
  return new SecretError(
    'secret_unreadable',
    'A stored data key does not open under the key it names.',
    'The stored bytes were changed, or the key file has another key under this id. Enter the secret again.',
    { cause },
  )
}
