import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { defaultRetryPolicy, retryWaitMs } from '../src/retry-policy.ts'

const policies = fc.record({
  firstMs: fc.integer({ min: 1, max: 5000 }),
  maxMs: fc.integer({ min: 1, max: 120_000 }),
  budgetMs: fc.integer({ min: 1, max: 6 * 3_600_000 }),
})
const randoms = fc.double({ min: 0, max: 0.999999, noNaN: true })

test('the waits of one request together never exceed the budget', () => {
  fc.assert(
    fc.property(policies, fc.array(randoms, { minLength: 1, maxLength: 200 }), (policy, sequence) => {
      let elapsedMs = 0
      for (const [n, random] of sequence.entries()) {
        const wait = retryWaitMs(policy, { failures: n + 1, elapsedMs, random })
        if (wait === null) {
          assert.ok(elapsedMs >= policy.budgetMs)
          return
        }
        elapsedMs += wait
        assert.ok(elapsedMs <= policy.budgetMs + 1e-6)
      }
    }),
  )
})

test('a wait is spread over the whole of its range, which doubles up to the maximum', () => {
  fc.assert(
    fc.property(policies, fc.integer({ min: 1, max: 100 }), randoms, (policy, failures, random) => {
      const ceiling = Math.min(policy.maxMs, policy.firstMs * 2 ** (failures - 1))
      const wait = retryWaitMs({ ...policy, budgetMs: 1e12 }, { failures, elapsedMs: 0, random })
      assert.ok(wait !== null && Math.abs(wait - random * ceiling) < 1e-6)
    }),
  )
})

test('nobody comes back before the time that the destination asked for', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 0, max: 3_600_000 }),
      randoms,
      (failures, afterMs, random) => {
        const wait = retryWaitMs(defaultRetryPolicy, { failures, elapsedMs: 0, afterMs, random })
        assert.ok(wait !== null && wait >= afterMs && wait <= afterMs + 1000)
      },
    ),
  )
})
