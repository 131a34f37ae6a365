import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto'

/** Cost of a hash: N = 2^logN, r, p. 2^17 takes 128 MB and some tenths of a second. */
export type HashCost = { readonly logN: number; readonly r: number; readonly p: number }
export const defaultCost: HashCost = { logN: 17, r: 8, p: 1 }

const saltBytes = 16
const hashBytes = 32
/** What an unknown user name is verified against, so that it takes as long as a known one. */
const nobody = Buffer.alloc(saltBytes + hashBytes)

/** A new secret of a service account: 256 random bits, shown once. */
export function newAccountSecret(): string {
  return randomBytes(32).toString('base64url')
}

/**
 *     hash = "scrypt$" logN "$" r "$" p "$" base64url(salt) "$" base64url(key)
 */
export async function hashAccountSecret(secret: string, cost: HashCost = defaultCost): Promise<string> {
  const salt = randomBytes(saltBytes)
  const key = await derive(secret, salt, cost)
  return ['scrypt', cost.logN, cost.r, cost.p, salt.toString('base64url'), key.toString('base64url')].join('$')
}

/** Is this the secret that `hash` was made of? With null (no such account) the same work is done, and the answer is no. */
export async function verifyAccountSecret(
  secret: string,
  hash: string | null,
  cost: HashCost = defaultCost,
): Promise<boolean> {
  const parts = /^scrypt\$(\d{1,2})\$(\d{1,2})\$(\d{1,2})\$([\w-]{22})\$([\w-]{43})$/.exec(hash ?? '')
  if (!parts) {
    await derive(secret, nobody.subarray(0, saltBytes), cost)
    return false
  }
  const [, logN, r, p, salt, key] = parts as unknown as [string, string, string, string, string, string]
  const own = { logN: Number(logN), r: Number(r), p: Number(p) }
  const derived = await derive(secret, Buffer.from(salt, 'base64url'), own)
  return timingSafeEqual(derived, Buffer.from(key, 'base64url'))
}

function derive(secret: string, salt: Uint8Array, { logN, r, p }: HashCost): Promise<Buffer> {
  const options: ScryptOptions = { N: 2 ** logN, r, p, maxmem: 128 * 2 ** logN * r * 2 }
  return new Promise((resolve, reject) => {
    scrypt(secret, salt, hashBytes, options, (error, key) => (error ? reject(error) : resolve(key)))
  })
}
