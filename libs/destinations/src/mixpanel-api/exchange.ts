import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'

export type ApiRequest = {
  readonly origin: string
  readonly method: 'POST' | 'PUT' | 'DELETE'
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer | Readable | null
}

export type ApiResponse = {
  readonly status: number
  /** What Retry-After asked for. */
  readonly retryAfterMs: number | undefined
  /** Parsed body; undefined when it is no JSON. */
  readonly json: unknown
  readonly text: string
}

export type ExchangeLimits = {
  /** From the first byte sent to the last one received. */
  readonly requestMs: number
  readonly responseBytesMax: number
}

/** No usable answer came: it is not known whether the request was carried out. */
export class NoAnswerError extends Error {
  readonly reason: string

  constructor(reason: string, cause?: unknown) {
    super(reason, { cause })
    this.name = 'NoAnswerError'
    this.reason = reason
  }
}

/**
 * One request and its whole answer, in bounded time and size. Rejects with NoAnswerError for a broken connection, a
 * time-out, an answer without end or over the limit, or a compressed one (none was asked for).
 */
export async function exchange(
  dispatcher: Dispatcher,
  request: ApiRequest,
  limits: ExchangeLimits,
  signal: AbortSignal,
): Promise<ApiResponse> {
  const timeout = AbortSignal.timeout(limits.requestMs)
  try {
    const { statusCode, headers, body } = await dispatcher.request({
      ...request,
      signal: AbortSignal.any([signal, timeout]),
      headersTimeout: limits.requestMs,
      bodyTimeout: limits.requestMs,
    })
    // A body that is left unread ends with an error that nobody else listens to.
    body.on('error', () => undefined)
    if (headers['content-encoding'] !== undefined && headers['content-encoding'] !== 'identity') {
      body.destroy()
      throw new NoAnswerError('encoded_answer')
    }
    const text = await readText(body, limits.responseBytesMax)
    return { status: statusCode, retryAfterMs: retryAfterMs(headers['retry-after']), json: parse(text), text }
  } catch (error) {
    if (error instanceof NoAnswerError) throw error
    if (timeout.aborted) throw new NoAnswerError('timeout', error)
    throw new NoAnswerError(signal.aborted ? 'aborted' : 'connection', error)
  }
}

async function readText(body: Readable, bytesMax: number): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length
    // Leaving the loop destroys the body, and with it the connection.
    if (bytes > bytesMax) throw new NoAnswerError('answer_too_large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Seconds, or a date (RFC 9110, 10.2.3); capped at an hour. */
function retryAfterMs(header: string | string[] | undefined): number | undefined {
  if (typeof header !== 'string') return undefined
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - Date.now()
  return Number.isFinite(ms) ? Math.min(3_600_000, Math.max(0, ms)) : undefined
}
