import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type CoordinationRedis, openRedis } from '@millrace/coordination/open-redis.ts'
import { RequestLimiter } from '@millrace/coordination/request-limiter.ts'
import { SharedBuckets } from '@millrace/coordination/shared-buckets.ts'
import { reserve } from '@millrace/coordination/token-bucket.ts'
import { type RedisServer, startRedis } from '@millrace/local-stack/servers/redis.ts'
import { until } from '@millrace/local-stack/servers/until.ts'
import fc from 'fast-check'

const rate = { tokensPerSecond: 1000, burstTokens: 2000 }

test('never more than the burst and the rate of elapsed time is granted', () => {
  const takes = fc.array(fc.record({ pauseMs: fc.nat(3000), tokens: fc.integer({ min: 1, max: 2000 }) }), {
    minLength: 1,
    maxLength: 60,
  })
  fc.assert(
    fc.property(takes, (steps) => {
      let [tat, now, granted, last] = [0, 1000, 0, 0]
      for (const { pauseMs, tokens } of steps) {
        now += pauseMs
        const reserved = reserve(tat, now, tokens, rate)
        tat = reserved.tat
        granted += tokens
        const usableAt = now + reserved.waitMs
        assert.ok(usableAt >= last, 'a later taker overtook an earlier one')
        last = usableAt
        assert.ok(granted <= rate.burstTokens + rate.tokensPerSecond * ((usableAt - 1000) / 1000) + 1)
      }
    }),
  )
})

/** So slow that a machine that pauses for seconds between two takes grants nothing that shows. */
const slow = { tokensPerSecond: 10, burstTokens: 2000 }

describe('buckets shared through Redis', () => {
  let dir: string
  let server: RedisServer
  const clients: CoordinationRedis[] = []
  const connect = async () => {
    const redis = openRedis(server.url, { commandMs: 60_000 })
    clients.push(redis)
    await until(() => redis.status === 'ready')
    return redis
  }
  const buckets = async (localShare = 0.5) =>
    new SharedBuckets(await connect(), { localShare, now: () => performance.now() })

  before(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'millrace-redis-'))
    server = await startRedis({ dir })
  })
  after(async () => {
    for (const client of clients) client.disconnect()
    await server?.stop()
    await rm(dir, { recursive: true, force: true })
  })

  test('two processes together get the rate of one', async () => {
    const [one, other] = [(await buckets()).bucket('pair', slow), (await buckets()).bucket('pair', slow)]
    const waits = [await one.take(2000), await other.take(1000), await one.take(1000)]
    assert.equal(waits[0], 0)
    assert.ok(waits[1]! > 80_000 && waits[1]! <= 100_000, `${waits}`)
    assert.ok(waits[2]! > 180_000 && waits[2]! <= 200_000, `${waits}`)
  })

  test('a Redis that lost its memory grants one more burst and goes on', async () => {
    const redis = await connect()
    const bucket = new SharedBuckets(redis, { localShare: 1, now: () => performance.now() }).bucket('lost', slow)
    await bucket.take(4000)
    assert.ok((await bucket.take(1)) > 180_000)
    await redis.flushall()
    assert.equal(await bucket.take(2000), 0)
    assert.ok((await bucket.take(1000)) > 80_000)
  })

  test('without Redis a process keeps to its share at once, and comes back when Redis does', async () => {
    const redis = await connect()
    const bucket = new SharedBuckets(redis, { localShare: 0.5, now: () => performance.now() }).bucket('away', slow)
    await server.kill()
    await until(() => redis.status !== 'ready')
    const started = performance.now()
    assert.equal(await bucket.take(1000), 0)
    const wait = await bucket.take(1000)
    assert.ok(wait > 180_000 && wait <= 200_000, `half the rate is 200 s for 1,000 tokens, not ${wait}`)
    assert.ok(performance.now() - started < 30_000, 'an absent Redis made the taker wait')
    await server.start()
    await until(() => redis.status === 'ready')
    assert.equal(await bucket.take(2000), 0, 'the shared bucket is a fresh one')
  })

  test('requests over the limit are refused with the time to wait, with Redis and without', async () => {
    const redis = await connect()
    const shared = new RequestLimiter(redis, () => performance.now())
    const without = new RequestLimiter(null, () => performance.now())
    const five = { requests: 5, windowMs: 3_600_000 }
    for (const name of ['shared', 'local', 'without']) {
      const limiter = name === 'without' ? without : shared
      if (name === 'local') redis.disconnect()
      for (let n = 0; n < 5; n++) assert.deepEqual(await limiter.allow(name, five), { allowed: true, retryAfterMs: 0 })
      const sixth = await limiter.allow(name, five)
      assert.equal(sixth.allowed, false)
      assert.ok(sixth.retryAfterMs > 700_000 && sixth.retryAfterMs <= 720_000, `${name}: ${sixth.retryAfterMs}`)
    }
  })
})
