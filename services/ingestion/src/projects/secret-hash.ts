import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

/**
 * hash = 'scrypt$' N '$' r '$' p '$' salt(base64) '$' key(base64)
 *
 * N = 2^15, r = 8, p = 3 as of the OWASP password storage cheat sheet: 32 MiB while it runs, so that a verification does
 * not double the memory of the process.
 */
const cost = { N: 2 ** 15, r: 8, p: 3 }
const keyBytes = 32
const derive = promisify<string, Buffer, number, object, Buffer>(scrypt)

export async function hashSecret(secret: string): Promise<string> {
  const salt = randomBytes(16)
  const key = await derive(secret, salt, keyBytes, { ...cost, maxmem: 64 * 1024 * 1024 })
  return ['scrypt', cost.N, cost.r, cost.p, salt.toString('base64'), key.toString('base64')].join('$')
}

/** Compares in constant time. A hash that cannot be read matches nothing. */
export async function secretMatches(secret: string, hash: string): Promise<boolean> {
  const [kind, n, r, p, salt, key] = hash.split('$')
  if (kind !== 'scrypt' || salt === undefined || key === undefined) return false
  const expected = Buffer.from(key, 'base64')
  const parameters = { N: Number(n), r: Number(r), p: Number(p), maxmem: 64 * 1024 * 1024 }
  const found = await derive(secret, Buffer.from(salt, 'base64'), expected.length, parameters)
  return timingSafeEqual(found, expected)
}
