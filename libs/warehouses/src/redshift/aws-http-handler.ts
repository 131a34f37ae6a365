import type { Readable } from 'node:stream'
import type { S3ClientConfig } from '@aws-sdk/client-s3'
import type { HttpTargetGuard } from '@millrace/net/http-target-guard.ts'

/** What the SDK hands over for each request, signed already. */
type SignedRequest = {
  readonly method: string
  readonly protocol: string
  readonly hostname: string
  readonly port?: number | undefined
  readonly path: string
  readonly query?: Readonly<Record<string, string | readonly string[] | null>>
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array | Readable
}
type HandlerOptions = { readonly abortSignal?: unknown }

/**
 * The SDK's requests through the guard: each connection goes to an address that was checked a moment ago, whatever name a
 * host of AWS or an operator's endpoint has.
 */
export function awsHttpHandler(agent: HttpTargetGuard['agent']): NonNullable<S3ClientConfig['requestHandler']> {
  return {
    metadata: { handlerProtocol: 'http/1.1' },
    async handle(request: SignedRequest, { abortSignal }: HandlerOptions = {}) {
      const { method, headers, body } = request
      const answer = await agent.request({
        origin: originOf(request),
        path: request.path + queryOf(request.query),
        method: method as 'GET',
        headers: { ...headers },
        body: body ?? null,
        ...(abortSignal instanceof AbortSignal ? { signal: abortSignal } : {}),
      })
      return {
        response: { statusCode: answer.statusCode, headers: plain(answer.headers), body: answer.body as Readable },
      }
    },
    updateHttpClientConfig: () => undefined,
    httpHandlerConfigs: () => ({}),
    destroy: () => undefined,
  }
}

function originOf({ protocol, hostname, port }: SignedRequest): string {
  return `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}`
}

/** As it was signed: RFC 3986, in any order. */
function queryOf(query: SignedRequest['query'] = {}): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    value === null ? [encode(name)] : [value].flat().map((each) => `${encode(name)}=${encode(each)}`),
  )
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
}

function plain(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const out: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) out[name] = Array.isArray(value) ? value.join(', ') : value
  }
  return out
}
