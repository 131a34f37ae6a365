import type { HttpTargetGuard } from '@millrace/net/http-target-guard.ts'
import { WarehouseError } from '../warehouse-error.ts'

/** The driver asks before each request. */
export type Authorization = () => Promise<{ readonly authorization: string }>

/** A token is renewed this long before it ends: a request may be on its way for a while. */
const marginMs = 60_000
const answerBytesMax = 64 * 1024

/** A personal access token goes with every request. */
export function personalToken(token: string): Authorization {
  return () => Promise.resolve({ authorization: `Bearer ${token}` })
}

export type ServicePrincipal = { readonly clientId: string; readonly clientSecret: string }

/**
 * OAuth for machines: the id and secret of a service principal for tokens of an hour, asked for at the workspace through the
 * guard. https://docs.databricks.com/aws/en/dev-tools/auth/oauth-m2m Throws `WarehouseError` and `NetError`.
 */
export function servicePrincipal(
  { clientId, clientSecret }: ServicePrincipal,
  origin: string,
  agent: HttpTargetGuard['agent'],
  now: () => number,
): Authorization {
  let token: Promise<{ readonly value: string; readonly until: number }> | null = null
  const ask = async () => {
    const asked = now()
    const answer = await agent.request({
      origin,
      path: '/oidc/v1/token',
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: 'grant_type=client_credentials&scope=all-apis',
    })
    if (answer.statusCode !== 200) {
      await answer.body.dump()
      throw refused(answer.statusCode)
    }
    const text = await answer.body.text()
    const { access_token: value, expires_in: seconds } = readAnswer(text)
    return { value, until: asked + seconds * 1000 - marginMs }
  }
  return async () => {
    const known = await token
    if (known === null || known.until <= now()) {
      token = ask()
      // The next one asks again.
      token.catch(() => {
        token = null
      })
    }
    return { authorization: `Bearer ${(await token)!.value}` }
  }
}

function readAnswer(text: string): { readonly access_token: string; readonly expires_in: number } {
  try {
    const answer = JSON.parse(text.slice(0, answerBytesMax)) as { access_token?: unknown; expires_in?: unknown }
    const { access_token, expires_in } = answer
    if (typeof access_token === 'string' && typeof expires_in === 'number') return { access_token, expires_in }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  throw new WarehouseError('protocol_error', 'The workspace sent no token.', 'Check the host of the workspace.')
}

function refused(status: number): WarehouseError {
  if (status === 400 || status === 401 || status === 403)
    return new WarehouseError(
      'authentication_failed',
      'The workspace does not accept the OAuth client id and secret.',
      'Generate a new secret of the service principal: its secret may have ended, and it must be a member of the workspace.',
    )
  if (status === 404)
    return new WarehouseError(
      'database_not_found',
      'The host is no Databricks workspace.',
      'Take the server hostname from the address of the workspace.',
    )
  return new WarehouseError('server_unavailable', 'The workspace gives no tokens at present.', 'It is tried again.')
}
