import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ConfigError, readEnv } from '../src/config.ts'

test('a complete environment becomes typed values', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'config-'))
  try {
    await writeFile(join(folder, 'password'), 'pa ss\n')
    const env = {
      BROKERS: 'a:1, b:2',
      PORT: '8080',
      LANES: 'bulk',
      LEVEL: 'warn',
      PASS_FILE: join(folder, 'password'),
      URL: 'http://x',
    }
    const config = readEnv(
      (read) => ({
        brokers: read.list('BROKERS'),
        port: read.integer('PORT', { max: 65_535 }),
        lanes: read.choices('LANES', ['live', 'bulk']),
        level: read.choice('LEVEL', ['info', 'warn']),
        pass: read.secret('PASS'),
        url: read.url('URL'),
        fast: read.flag('FAST', { default: true }),
        name: read.optional('NAME'),
      }),
      env,
    )
    assert.deepEqual(config, {
      brokers: ['a:1', 'b:2'],
      port: 8080,
      lanes: ['bulk'],
      level: 'warn',
      pass: 'pa ss',
      url: 'http://x',
      fast: true,
      name: undefined,
    })
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('every problem of the environment is named at once, and no value is shown', () => {
  const env = {
    PORT: '12secret',
    LANES: 'live,fast',
    FAST: 'yes',
    URL: 'secret',
    PASS_FILE: '/nowhere/secret-file',
    N: '7',
  }
  assert.throws(
    () =>
      readEnv(
        (read) => [
          read.list('BROKERS'),
          read.integer('PORT'),
          read.integer('N', { max: 5 }),
          read.choices('LANES', ['live', 'bulk']),
          read.flag('FAST', { default: false }),
          read.url('URL'),
          read.secret('PASS'),
        ],
        env,
      ),
    (error: unknown) => {
      assert.ok(error instanceof ConfigError)
      assert.equal(error.problems.length, 7)
      for (const name of ['BROKERS', 'PORT', 'N', 'LANES', 'FAST', 'URL', 'PASS_FILE']) {
        assert.ok(
          error.problems.some((problem) => problem.startsWith(`${name} `)),
          name,
        )
      }
      assert.doesNotMatch(error.message, /secret/)
      return true
    },
  )
})
