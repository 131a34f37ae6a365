import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import type { SnowflakeServer } from '@millrace/testkit/snowflake/snowflake-server.ts'
import { fingerprint } from '@millrace/testkit/snowflake/users.ts'

export type Pair = ReturnType<typeof pair>

export function pair() {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  return {
    publicKey,
    privateKey,
    pem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  }
}

export function tokenOf(
  { account }: SnowflakeServer,
  {
    user,
    key,
    iat,
    exp,
  }: { readonly user: string; readonly key: KeyObject; readonly iat: number; readonly exp: number },
  privateKey: KeyObject,
): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claims = { iss: `${account}.${user}.${fingerprint(key)}`, sub: `${account}.${user}`, iat, exp }
  const signed = `${part({ alg: 'RS256', typ: 'JWT' })}.${part(claims)}`
  return `${signed}.${sign('RSA-SHA256', Buffer.from(signed), privateKey).toString('base64url')}`
}
