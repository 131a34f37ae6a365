import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RegistryError } from '@millrace/registry/registry-error.ts'
import { retryDelayMs } from '../src/retry-delay.ts'

test('trouble that passes is tried again with growing pauses, and not for ever', () => {
  const delays = Array.from({ length: 8 }, (_, failures) => retryDelayMs(new Error('connection reset'), failures))
  assert.deepEqual(delays, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, null])
})

test('what only a person can mend fails the run at once', () => {
  assert.equal(retryDelayMs(Object.assign(new Error('no'), { code: 'permission_denied' }), 0), null)
  assert.equal(retryDelayMs(new RegistryError('incompatible', 'a column changed its type'), 0), null)
  assert.equal(retryDelayMs(new RegistryError('unavailable', 'away'), 0), 500)
})

test('a lost reading position is taken up again at once', () => {
  assert.equal(retryDelayMs(Object.assign(new Error('gone'), { code: 'pin_lost' }), 3), 0)
})
