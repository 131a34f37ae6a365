import { createPrivateKey, createPublicKey, generateKeyPair } from 'node:crypto'
import { promisify } from 'node:util'
import { WarehouseError } from '../warehouse-error.ts'

/** A user of Snowflake has two slots for public keys, so that one can be exchanged while the other lets in. */
export const keySlots = ['RSA_PUBLIC_KEY', 'RSA_PUBLIC_KEY_2'] as const
export type KeySlot = (typeof keySlots)[number]

/** A private key and the slot in which its public key stands, as one secret: the slot's name, a line feed, PEM (PKCS8). */
export type LoginKey = { readonly slot: KeySlot; readonly pem: string }

const bits = 3072

/** A new pair for a slot. https://docs.snowflake.com/en/user-guide/key-pair-auth: 2048 bits at least. */
export async function makeLoginKey(slot: KeySlot): Promise<LoginKey> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', {
    modulusLength: bits,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  return { slot, pem: privateKey }
}

export function writeLoginKey({ slot, pem }: LoginKey): string {
  return `${slot}\n${pem}`
}

/** Throws `WarehouseError` `options_invalid` for what `writeLoginKey` has not written. */
export function readLoginKey(secret: string): LoginKey {
  const end = secret.indexOf('\n')
  const slot = keySlots.find((each) => each === secret.slice(0, end))
  if (slot !== undefined) return { slot, pem: secret.slice(end + 1) }
  throw new WarehouseError(
    'options_invalid',
    'The private key of the source is not one that Millrace has made.',
    'Make another pair of keys.',
  )
}

export function otherSlot(slot: KeySlot): KeySlot {
  return slot === 'RSA_PUBLIC_KEY' ? 'RSA_PUBLIC_KEY_2' : 'RSA_PUBLIC_KEY'
}

/** The public key as ALTER USER takes it: base64 without header and line feeds. */
export function publicKeyText({ pem }: Pick<LoginKey, 'pem'>): string {
  const key = createPublicKey(createPrivateKey(pem))
  return key.export({ type: 'spki', format: 'der' }).toString('base64')
}

/** What the owner of the user runs so that the key lets in. */
export function setKeyStatement(user: string, key: LoginKey): string {
  return `ALTER USER ${userName(user)} SET ${key.slot} = '${publicKeyText(key)}';`
}

/** What the owner of the user runs once the key in the slot is not used any more. */
export function unsetKeyStatement(user: string, slot: KeySlot): string {
  return `ALTER USER ${userName(user)} UNSET ${slot};`
}

/** As statements take it: names with other characters stand in quotes, in upper case as logins are. */
export function userName(user: string): string {
  return /^[A-Za-z_][A-Za-z0-9_$]*$/.test(user) ? user : `"${user.toUpperCase().replaceAll('"', '""')}"`
}
