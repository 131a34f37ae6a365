import { createPublicKey, generateKeyPairSync, randomBytes, verify } from 'node:crypto'

/** A service account that the stand-in knows: its key file, as Google gives it out, and the key that checks signatures. */
export type TestServiceAccount = { readonly email: string; readonly keyFile: string; readonly publicPem: string }

const audience = 'https://oauth2.googleapis.com/token'

export function makeServiceAccount(projectId: string): TestServiceAccount {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const email = `millrace@${projectId}.iam.gserviceaccount.com`
  const keyFile = JSON.stringify({
    type: 'service_account',
    project_id: projectId,
    private_key_id: randomBytes(8).toString('hex'),
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    client_email: email,
    client_id: '100000000000000000000',
    token_uri: audience,
    universe_domain: 'googleapis.com',
  })
  return { email, keyFile, publicPem: publicKey.export({ type: 'spki', format: 'pem' }) as string }
}

/**
 * Gives out access tokens for signed assertions: https://developers.google.com/identity/protocols/oauth2/service-account
 * Signature, issuer, audience, scope and times are checked.
 */
export class TokenEndpoint {
  readonly #account: TestServiceAccount
  readonly #now: () => number
  readonly #tokens = new Map<string, number>()

  constructor(account: TestServiceAccount, now: () => number) {
    this.#account = account
    this.#now = now
  }

  answer(form: URLSearchParams): { readonly status: number; readonly body: unknown } {
    const problem = this.#problem(form)
    if (problem !== null) return { status: 400, body: { error: 'invalid_grant', error_description: problem } }
    const token = `ya29.${randomBytes(24).toString('base64url')}`
    this.#tokens.set(token, this.#now() + 3_600_000)
    return { status: 200, body: { access_token: token, expires_in: 3599, token_type: 'Bearer' } }
  }

  accepts(authorization: string | undefined): boolean {
    const until = this.#tokens.get(authorization?.replace(/^Bearer /, '') ?? '')
    return until !== undefined && until > this.#now()
  }

  #problem(form: URLSearchParams): string | null {
    if (form.get('grant_type') !== 'urn:ietf:params:oauth:grant-type:jwt-bearer') return 'Unsupported grant type'
    const [head = '', claims = '', signature = ''] = (form.get('assertion') ?? '').split('.')
    const key = createPublicKey(this.#account.publicPem)
    if (!verify('RSA-SHA256', Buffer.from(`${head}.${claims}`), key, Buffer.from(signature, 'base64url')))
      return 'Invalid JWT Signature.'
    const { iss, aud, scope, iat, exp } = JSON.parse(Buffer.from(claims, 'base64url').toString('utf8')) as Claims
    const seconds = this.#now() / 1000
    if (iss !== this.#account.email) return 'Invalid grant: account not found'
    if (aud !== audience) return 'Invalid JWT: wrong audience'
    if (!/auth\/bigquery/.test(scope ?? '')) return 'Invalid OAuth scope'
    if (!(iat <= seconds + 60 && exp > seconds && exp - iat <= 3600)) return 'Invalid JWT: wrong iat or exp'
    return null
  }
}

type Claims = { iss: string; aud: string; scope?: string; iat: number; exp: number }
