import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PartitionFeed } from '../src/partition-feed.ts'
import type { InMessage } from '../src/port.ts'

function messages(from: number, count: number, bytes = 100): InMessage[] {
  return Array.from({ length: count }, (_, index) => ({
    offset: BigInt(from + index),
    value: Buffer.alloc(bytes),
    timestampMs: 0,
  }))
}

function makeFeed(bytesMax = 1000) {
  const clock = { ms: 0 }
  const seen = { failed: [] as unknown[], rooms: 0, accepted: [] as bigint[], closes: 0 }
  const gates: PromiseWithResolvers<void>[] = []
  const feed = new PartitionFeed(
    't',
    0,
    { bytesMax },
    {
      now: () => clock.ms,
      failed: (error) => seen.failed.push(error),
      hasRoom: () => {
        seen.rooms++
      },
      reopen: () => undefined,
    },
  )
  const worker = {
    accept(taken: readonly InMessage[]) {
      seen.accepted.push(...taken.map(({ offset }) => offset))
      const gate = Promise.withResolvers<void>()
      gates.push(gate)
      return gate.promise
    },
    close: async () => {
      seen.closes++
    },
  }
  return { feed, worker, clock, seen, gates }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

test('a worker gets messages in order, one call at a time', async () => {
  const { feed, worker, seen, gates } = makeFeed()
  feed.start(worker)
  feed.push(messages(0, 2), 10n)
  feed.push(messages(2, 3), 10n)
  assert.deepEqual(seen.accepted, [0n, 1n])
  gates[0]!.resolve()
  await settled()
  assert.deepEqual(seen.accepted, [0n, 1n, 2n, 3n, 4n])
  assert.equal(feed.highWatermark(), 10n)
})

test('a feed is full at its limit and asks for more when half of it has been accepted', async () => {
  const { feed, worker, seen, gates } = makeFeed(1000)
  feed.start(worker)
  feed.push(messages(0, 4), 99n)
  feed.push(messages(4, 6), 99n)
  assert.equal(feed.isFull, true)
  gates[0]!.resolve()
  await settled()
  assert.equal(feed.isFull, false)
  assert.equal(seen.rooms, 0)
  feed.push(messages(10, 4), 99n)
  assert.equal(feed.isFull, true)
  gates[1]!.resolve()
  await settled()
  assert.equal(seen.rooms, 1)
})

test('a full feed asks for more even when room came in several steps, none of which began full and ended below half', async () => {
  const { feed, worker, seen, gates } = makeFeed(1000)
  feed.start(worker)
  feed.push(messages(0, 6), 99n)
  feed.push(messages(6, 6), 99n)
  assert.equal(feed.isFull, true)
  gates[0]!.resolve()
  await settled()
  assert.equal(seen.rooms, 0)
  gates[1]!.resolve()
  await settled()
  assert.equal(seen.rooms, 1)
})

test('closing drops what waits, does not wait for a pending accept, and closes the worker once', async () => {
  const { feed, worker, seen, gates } = makeFeed()
  feed.start(worker)
  feed.push(messages(0, 1), 9n)
  feed.push(messages(1, 1), 9n)
  await Promise.all([feed.close(), feed.close()])
  gates[0]!.reject(new Error('revoked'))
  await settled()
  assert.equal(seen.closes, 1)
  assert.deepEqual(seen.accepted, [0n])
  assert.deepEqual(seen.failed, [])
})

test('a worker that rejects is reported and not called again', async () => {
  const { feed, worker, seen, gates } = makeFeed()
  feed.start(worker)
  feed.push(messages(0, 1), 9n)
  gates[0]!.reject(new Error('broken'))
  await settled()
  feed.push(messages(1, 1), 9n)
  await settled()
  assert.equal(seen.failed.length, 1)
  assert.deepEqual(seen.accepted, [0n])
})

test('stuck means work and no movement: neither idle, nor accepting, nor committing, nor waiting on purpose', async () => {
  const { feed, worker, clock, gates } = makeFeed()
  feed.start(worker)
  clock.ms = 1000
  assert.equal(feed.stuckMs(), 0)
  feed.push(messages(0, 2), 9n)
  clock.ms = 1500
  assert.equal(feed.stuckMs(), 500)
  feed.alive()
  assert.equal(feed.stuckMs(), 0)
  gates[0]!.resolve()
  await settled()
  clock.ms = 2000
  assert.equal(feed.stuckMs(), 500, 'accepted but not committed is not done')
  feed.commit(1n)
  assert.equal(feed.stuckMs(), 0)
  feed.commit(2n)
  clock.ms = 9000
  assert.equal(feed.stuckMs(), 0)
})

test('a commit is handed out once and never goes back', () => {
  const { feed, worker } = makeFeed()
  feed.start(worker)
  assert.equal(feed.takeCommit(), null)
  feed.commit(5n)
  feed.commit(3n)
  assert.equal(feed.takeCommit(), 5n)
  assert.equal(feed.takeCommit(), null)
})
