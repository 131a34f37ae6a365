import type { CoordinationRedis } from './open-redis.ts'

/** KEYS: bucket. ARGV: ms per request, burst. Gives {allowed, wait ms}; a refused request takes nothing. */
const allowScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local tat = tonumber(redis.call('GET', KEYS[1]) or '0')
local step = tonumber(ARGV[1])
if tat < now then tat = now end
local wait = tat + step - ARGV[2] * step - now
if wait > 0 then return {0, string.format('%.3f', wait)} end
redis.call('SET', KEYS[1], string.format('%.3f', tat + step), 'PX', math.ceil(tat + step - now) + 1000)
return {1, '0'}
`

/** So many requests in a window, smoothly: a request comes back every `windowMs / requests`. */
export type RequestRate = { readonly requests: number; readonly windowMs: number }

export type RequestVerdict = {
  readonly allowed: boolean
  /** When asking again has a chance, ms. */
  readonly retryAfterMs: number
}

const entriesMax = 10_000

/**
 * Limits requests by a key (caller, route, trigger) over all processes; without Redis, or while it is away, each process
 * counts for itself. Keeps nothing that matters: guards that must hold are in Postgres. Never rejects.
 */
export class RequestLimiter {
  readonly #redis: CoordinationRedis | null
  readonly #now: () => number
  readonly #local = new Map<string, number>()

  constructor(redis: CoordinationRedis | null, now: () => number) {
    this.#redis = redis
    this.#now = now
  }

  async allow(name: string, { requests, windowMs }: RequestRate): Promise<RequestVerdict> {
    const msPerRequest = windowMs / requests
    if (this.#redis === null) return this.#allowLocally(name, msPerRequest, requests)
    try {
      const answer = await this.#redis.eval(allowScript, 1, `millrace:requests:${name}`, msPerRequest, requests)
      const [allowed, wait] = answer as [number, string]
      return { allowed: allowed === 1, retryAfterMs: Math.ceil(Number(wait)) }
    } catch {
      return this.#allowLocally(name, msPerRequest, requests)
    }
  }

  #allowLocally(name: string, msPerRequest: number, burst: number): RequestVerdict {
    const now = this.#now()
    const tat = Math.max(now, this.#local.get(name) ?? 0)
    const wait = tat + msPerRequest - burst * msPerRequest - now
    if (wait > 0) return { allowed: false, retryAfterMs: Math.ceil(wait) }
    this.#local.delete(name)
    this.#local.set(name, tat + msPerRequest)
    if (this.#local.size > entriesMax) this.#local.delete(this.#local.keys().next().value!)
    return { allowed: true, retryAfterMs: 0 }
  }
}
