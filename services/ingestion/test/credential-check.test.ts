import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CredentialCheck } from '../src/projects/credential-check.ts'
import { hashSecret } from '../src/projects/secret-hash.ts'

describe('checking credentials', () => {
  it('verifies a pair once for all requests that come at the same time', async () => {
    const check = new CredentialCheck(() => 0)
    const hash = await hashSecret('right')
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => check.check('right', hash)))
    assert.deepEqual(new Set(outcomes), new Set(['good']))
  })

  it('lets only so many different pairs wait, so that a flood of wrong ones cannot take the CPU', async () => {
    const check = new CredentialCheck(() => 0)
    const guesses = Array.from({ length: 12 }, (_, i) => check.check(`guess ${i}`, null))
    const outcomes = await Promise.all(guesses)
    assert.equal(outcomes.filter((outcome) => outcome === 'busy').length, 4)
    assert.equal(outcomes.filter((outcome) => outcome === 'bad').length, 8)
  })

  it('believes an outcome for a minute', async () => {
    let nowMs = 0
    const check = new CredentialCheck(() => nowMs)
    const hash = await hashSecret('right')
    assert.equal(await check.check('right', hash), 'good')
    nowMs = 59_999
    const usage = process.cpuUsage()
    assert.equal(await check.check('right', hash), 'good')
    assert.ok(process.cpuUsage(usage).user < 50_000, 'it was remembered')
    nowMs = 60_001
    assert.equal(await check.check('wrong', hash), 'bad')
    assert.equal(await check.check('right', hash), 'good')
  })
})
