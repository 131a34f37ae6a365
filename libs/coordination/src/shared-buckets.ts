import type { CoordinationRedis } from './open-redis.ts'
import { type BucketRate, LocalBucket, type TokenBucket } from './token-bucket.ts'

/**
 * KEYS: bucket. ARGV: ms per token, burst tokens, tokens. Gives the wait, ms. Time is Redis' own, so that the clocks of
 * the takers do not matter. The key lives until the bucket is full again: losing it then changes nothing.
 */
const reserveScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local tat = tonumber(redis.call('GET', KEYS[1]) or '0')
local step = tonumber(ARGV[1])
if tat < now then tat = now end
tat = tat + ARGV[3] * step
redis.call('SET', KEYS[1], string.format('%.3f', tat), 'PX', math.ceil(tat - now) + 1000)
return string.format('%.3f', math.max(0, tat - ARGV[2] * step - now))
`

export type SharedBucketOptions = {
  /** Part of the rate that this process keeps to while Redis is away: one over the number of processes expected. */
  readonly localShare: number
  /** Monotonic ms, for the time without Redis. */
  now(): number
}

/**
 * Token buckets that all processes share through Redis, one call per `take`. While Redis is away each process keeps to
 * its share of the rate by itself; a Redis that lost its memory grants at most one more burst. Never rejects.
 * Proved by test/shared-buckets.test.ts.
 */
export class SharedBuckets {
  readonly #redis: CoordinationRedis
  readonly #options: SharedBucketOptions

  constructor(redis: CoordinationRedis, options: SharedBucketOptions) {
    this.#redis = redis
    this.#options = options
  }

  /** The bucket of this name; all processes must name the same rate. */
  bucket(name: string, rate: BucketRate): TokenBucket {
    const key = `millrace:bucket:${name}`
    const { localShare, now } = this.#options
    const local = new LocalBucket(
      { tokensPerSecond: rate.tokensPerSecond * localShare, burstTokens: rate.burstTokens * localShare },
      now,
    )
    const msPerToken = 1000 / rate.tokensPerSecond
    return {
      take: async (tokens) => {
        try {
          const wait = await this.#redis.eval(reserveScript, 1, key, msPerToken, rate.burstTokens, tokens)
          return Number(wait)
        } catch {
          return local.take(tokens)
        }
      },
    }
  }
}
