import { randomBytes } from 'node:crypto'

/** Who may come in: personal access tokens, and service principals that get tokens for an hour by OAuth. */
export class WorkspaceAccess {
  readonly token = `dapi${randomBytes(16).toString('hex')}`
  readonly clientId = 'a1b2c3d4-0000-4000-8000-5e6f7a8b9c0d'
  clientSecret = `dose${randomBytes(16).toString('hex')}`
  /** How long an OAuth token holds. */
  lifetimeMs = 3_600_000
  /** Tokens that were given out. */
  issued = 0
  readonly #expiry = new Map<string, number>([[this.token, Number.POSITIVE_INFINITY]])
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  isAllowed(authorization: string | undefined): boolean {
    const token = /^Bearer (\S+)$/.exec(authorization ?? '')?.[1]
    return token !== undefined && (this.#expiry.get(token) ?? 0) > this.#now()
  }

  /** Ends a token before its time. */
  revoke(token: string): void {
    this.#expiry.delete(token)
  }

  /** https://docs.databricks.com/aws/en/dev-tools/auth/oauth-m2m: client credentials as basic authentication, scope all-apis. */
  exchange(
    authorization: string | undefined,
    form: URLSearchParams,
  ): { readonly status: number; readonly body: object } {
    const expected = `Basic ${Buffer.from(`${this.clientId}:${this.clientSecret}`).toString('base64')}`
    if (authorization !== expected)
      return { status: 401, body: { error: 'invalid_client', error_description: 'Client authentication failed' } }
    if (form.get('grant_type') !== 'client_credentials')
      return { status: 400, body: { error: 'unsupported_grant_type' } }
    if (form.get('scope') !== 'all-apis') return { status: 400, body: { error: 'invalid_scope' } }
    const token = `eyJ${randomBytes(24).toString('base64url')}`
    this.#expiry.set(token, this.#now() + this.lifetimeMs)
    this.issued++
    return {
      status: 200,
      body: {
        access_token: token,
        token_type: 'Bearer',
        scope: 'all-apis',
        expires_in: Math.round(this.lifetimeMs / 1000),
      },
    }
  }
}
