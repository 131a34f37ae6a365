import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const fixture = fileURLToPath(new URL('./fixtures/service.ts', import.meta.url))

async function runFixture(behaviour: string, signal?: NodeJS.Signals, env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [fixture, behaviour], {
    env: { ...process.env, MILLRACE_INSTANCE: 'one', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
      if (signal && output.includes('"ready"') && !child.killed) child.kill(signal)
    })
  }
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, output }
}

test('SIGTERM and SIGINT let the service drain and end it with 0', async () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const { code, output } = await runFixture('drains', signal)
    assert.equal(code, 0, output)
    assert.match(output, /"aborted":true.*"flushed"/)
  }
})

test('a drain that does not end is cut off with 1', async () => {
  const { code, output } = await runFixture('never drains', 'SIGTERM', { MILLRACE_DRAIN_MS: '50' })
  assert.equal(code, 1)
  assert.match(output, /drain took too long/)
})

test('a service that cannot go on ends with 1 and says why, without secrets', async () => {
  const rejected = await runFixture('rejects')
  assert.equal(rejected.code, 1)
  assert.match(rejected.output, /cannot start/)
  assert.doesNotMatch(rejected.output, /CANARY/)
  const uncaught = await runFixture('uncaught')
  assert.equal(uncaught.code, 1)
  assert.match(uncaught.output, /nobody caught this/)
})

test('a failure noticed outside of main drains and ends with 1', async () => {
  const { code, output } = await runFixture('fails later')
  assert.equal(code, 1)
  assert.match(output, /consumer is stuck/)
  assert.match(output, /"drained"/)
})

test('a bad environment ends the process with 1 before anything starts', async () => {
  const { code, output } = await runFixture('drains', undefined, { MILLRACE_LOG_LEVEL: 'loud' })
  assert.equal(code, 1)
  assert.match(output, /MILLRACE_LOG_LEVEL must be one of/)
})

test('negative timer warnings are kept out of the log, other warnings are logged', async () => {
  const { code, output } = await runFixture('warns')
  assert.equal(code, 0)
  assert.doesNotMatch(output, /TimeoutNegativeWarning/)
  assert.match(output, /"type":"OtherWarning"/)
})
