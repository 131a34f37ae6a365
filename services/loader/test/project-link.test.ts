import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLogger } from '@millrace/telemetry/logger.ts'
import { ProjectLink } from '../src/project-link.ts'

test('what a destination says about refused rows reaches the project, and not the log', async () => {
  const lines: string[] = []
  const told: string[] = []
  const link = new ProjectLink({
    projectId: 'p1',
    open: () => Promise.reject(new Error('not opened here')),
    look: async () => ({ version: '1', attention: true }),
    tell: async (attention) => void told.push(attention?.message ?? ''),
    bucket: () => assert.fail('no rate is asked for'),
    limits: { downAfterMs: 1000, recheckMs: 1000 },
    now: () => 0,
    log: createLogger({
      service: 'loader',
      instance: 'test',
      level: 'trace',
      destination: { write: (line) => void lines.push(line) },
    }),
  })
  await link.refusesEverything('row of canary@example.com is invalid')
  await link.report({ kind: 'needs_attention', status: 403, message: 'no' })
  assert.equal(told.length, 1)
  assert.match(told[0]!, /canary@example\.com/)
  assert.match(lines.join(), /destination_refuses_everything/)
  assert.ok(!lines.join().includes('canary'))
  assert.ok(link.isDown)
})
