import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFailpoint, FailpointError } from '../src/failpoint.ts'

class Exited extends Error {}
const exit = (code: number): never => {
  throw new Exited(String(code))
}

test('without MILLRACE_FAILPOINTS, and in production with it, a failpoint does nothing', () => {
  assert.equal(createFailpoint({}, exit)('a.b'), undefined)
  const env = { NODE_ENV: 'production', MILLRACE_FAILPOINTS: 'a.b=exit' }
  const failpoint = createFailpoint(env, exit)
  for (let pass = 0; pass < 5; pass++) assert.equal(failpoint('a.b'), undefined)
})

test('an exit happens at the pass that was asked for, and at no other place', () => {
  const failpoint = createFailpoint({ MILLRACE_FAILPOINTS: 'a.b=exit:3' }, exit)
  assert.equal(failpoint('a.b'), undefined)
  assert.equal(failpoint('other'), undefined)
  assert.equal(failpoint('a.b'), undefined)
  assert.throws(() => failpoint('a.b'), { message: '137' })
})

test('a throw is one error at one pass, a hang lasts, a delay ends', async () => {
  const env = { MILLRACE_FAILPOINTS: 'a=throw:2, b=hang, c=delay:5' }
  const failpoint = createFailpoint(env, exit)
  assert.equal(failpoint('a'), undefined)
  await assert.rejects(async () => failpoint('a'), FailpointError)
  assert.equal(failpoint('a'), undefined)
  const hung = await Promise.race([failpoint('b'), failpoint('c')!.then(() => 'delay over')])
  assert.equal(hung, 'delay over')
})

test('a malformed MILLRACE_FAILPOINTS is an error, not a test without its fault', () => {
  assert.throws(() => createFailpoint({ MILLRACE_FAILPOINTS: 'a.b=explode' }, exit), /explode/)
})
