import { Redis } from 'ioredis'

export type CoordinationRedis = Redis

export type RedisOptions = {
  /** Told of the first failure of each outage, and nothing of the repetitions. */
  readonly onAway?: (error: Error) => void
  /** An answer later than this counts as none, ms. */
  readonly commandMs?: number
}

/**
 * A connection to Redis that never makes anybody wait: commands fail at once while it is away, and it comes back by
 * itself. What is kept there may be lost at any time.
 */
export function openRedis(url: string, { onAway, commandMs = 500 }: RedisOptions = {}): CoordinationRedis {
  const redis = new Redis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    connectTimeout: 2000,
    commandTimeout: commandMs,
    retryStrategy: (times) => Math.min(2000, 50 * 2 ** Math.min(times, 6)),
  })
  let told = false
  redis.on('ready', () => {
    told = false
  })
  redis.on('error', (error: Error) => {
    if (told) return
    told = true
    onAway?.(error)
  })
  return redis
}
