import { setTimeout as sleep } from 'node:timers/promises'

export type ApiClientOptions = {
  readonly baseUrl: string
  readonly username: string
  readonly secret: string
  /** Longest wait for one answer; default 30 000. */
  readonly timeoutMs?: number
  /** How often a request that cannot be repeated wrongly is sent again while nobody answers or 503 is answered; default 0. */
  readonly retries?: number
}

/** The API answered with an error; `problem` is its body (RFC 9457). */
export class ApiError extends Error {
  readonly code: string
  readonly hint: string
  readonly status: number
  readonly problem: Problem

  constructor(request: string, status: number, problem: Problem) {
    super(`${request}: ${status} ${problem.title ?? ''} ${problem.detail ?? ''}`.trim())
    this.name = 'ApiError'
    this.status = status
    this.code = problem.code ?? 'unknown'
    this.hint = problem.hint ?? ''
    this.problem = problem
  }
}

export type Problem = {
  readonly title?: string
  readonly code?: string
  readonly detail?: string
  readonly hint?: string
  readonly errors?: readonly { readonly path?: string; readonly code: string; readonly message: string }[]
}

/** Speaks JSON to one of our HTTP APIs with basic auth. Rejects with `ApiError` for every answer that is not 2xx. */
export type ApiClient = {
  readonly baseUrl: string
  get<T>(path: string): Promise<T>
  post<T>(path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<T>
  put<T>(path: string, body?: unknown): Promise<T>
  patch<T>(path: string, body: unknown): Promise<T>
  delete<T>(path: string): Promise<T>
}

const RETRY_PAUSE_MS = 250

export function createApiClient(options: ApiClientOptions): ApiClient {
  const { baseUrl, username, secret, timeoutMs = 30_000, retries = 0 } = options
  const authorization = `Basic ${Buffer.from(`${username}:${secret}`).toString('base64')}`

  async function once<T>(method: string, path: string, body: unknown, headers: Record<string, string>): Promise<T> {
    const response = await fetch(new URL(path, baseUrl), {
      method,
      headers: {
        authorization,
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs),
    })
    const text = await response.text()
    if (!response.ok) throw new ApiError(`${method} ${path}`, response.status, parseProblem(text))
    return (text === '' ? undefined : JSON.parse(text)) as T
  }

  async function repeatable<T>(method: string, path: string, body?: unknown, headers = {}): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await once<T>(method, path, body, headers)
      } catch (error) {
        if (attempt >= retries || (error instanceof ApiError && error.status !== 503)) throw error
        await sleep(RETRY_PAUSE_MS)
      }
    }
  }

  return {
    baseUrl,
    get: (path) => repeatable('GET', path),
    // With an idempotency key a repeated POST has the effect of one.
    post: (path, body, headers = {}) =>
      'idempotency-key' in headers ? repeatable('POST', path, body, headers) : once('POST', path, body, { ...headers }),
    put: (path, body) => repeatable('PUT', path, body),
    patch: (path, body) => repeatable('PATCH', path, body),
    delete: (path) => repeatable('DELETE', path),
  }
}

function parseProblem(text: string): Problem {
  try {
    return JSON.parse(text) as Problem
  } catch {
    return { detail: text.slice(0, 500) }
  }
}
