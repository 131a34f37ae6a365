import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createLogger } from '../src/logger.ts'

function recordingLogger() {
  const lines: string[] = []
  const destination = { write: (line: string) => void lines.push(line) }
  const logger = createLogger({ service: 'test', instance: 'one', level: 'trace', destination })
  return { logger, lines, last: () => JSON.parse(lines.at(-1)!) as Record<string, unknown> }
}

const canary = 'CANARY-7f3a9c'
const secretNames = fc.constantFrom(
  'password',
  'clientSecret',
  'private_key',
  'Authorization',
  'API-Key',
  'refreshToken',
  'dsn',
  'sessionCookie',
)
const hiddenCanary = fc.oneof(
  fc.record({ name: secretNames }).map(({ name }) => ({ [name]: canary })),
  fc.record({ name: secretNames }).map(({ name }) => ({ [name]: { nested: [canary] } })),
  fc.constantFrom(
    `postgres://admin:${canary}@db.example.com:5432/app`,
    `tried redis://:${canary}@127.0.0.1 and failed`,
    `https://${canary}@example.com/path`,
    `Authorization: Bearer ${canary}`,
    `Basic ${canary}==`,
    `password=${canary} host=db`,
    `token: "${canary}"`,
    `secret='${canary}'`,
    `answered {"code":1,"password":"${canary}","x":2}`,
    `answered {\\"clientSecret\\": \\"${canary}\\"}`,
    `tried postgres://admin:a/b#${canary}?@db.example.com/app`,
    `-----BEGIN RSA PRIVATE KEY-----\n${canary}\n-----END RSA PRIVATE KEY-----`,
  ),
  fc.constant(new Error(`connect to postgres://u:${canary}@h failed`, { cause: { token: canary } })),
)
const anyKey = fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', 'err', 'a\r\nb'))
const tree = fc.letrec((tie) => ({
  node: fc.oneof(
    { maxDepth: 12 },
    hiddenCanary,
    fc.jsonValue(),
    fc.array(tie('node'), { maxLength: 4 }),
    fc.dictionary(anyKey, tie('node'), { maxKeys: 4 }),
  ),
})).node

test('a secret never reaches the log, wherever it stands in the logged value', () => {
  fc.assert(
    fc.property(tree, hiddenCanary, (value, bound) => {
      const { logger, lines } = recordingLogger()
      logger.info({ value }, 'a message')
      logger.child({ run: 'r1', bound }).child({ deeper: bound }).warn({ err: value }, 'child')
      if (typeof bound === 'string') logger.info({ value }, `said "${bound}" and more`)
      logger.info('interpolated %s and %o', bound, bound)
      if (bound instanceof Error) logger.error(bound)
      logger.error({ err: bound })
      assert.ok(!lines.join('').includes(canary))
      for (const line of lines) JSON.parse(line)
    }),
    { numRuns: 500 },
  )
})

test('what is not secret is kept, with the names of the process and of the run', () => {
  const { logger, last } = recordingLogger()
  logger.child({ run: 'r1', partition: 3 }).info({ rows: 12, when: new Date(0), offset: 9007199254740993n }, 'done')
  assert.equal(last().level, 'info')
  assert.equal(last().service, 'test')
  assert.equal(last().run, 'r1')
  assert.equal(last().rows, 12)
  assert.equal(last().when, '1970-01-01T00:00:00.000Z')
  assert.equal(last().offset, '9007199254740993')
})

test('an error is logged with its type, message, stack, code and cause', () => {
  const { logger, last } = recordingLogger()
  const error = Object.assign(new TypeError('broken', { cause: new Error('root') }), { code: 'E1', hint: 'mend it' })
  logger.error({ err: error }, 'failed')
  const err = last().err as Record<string, unknown>
  assert.equal(err.type, 'TypeError')
  assert.equal(err.message, 'broken')
  assert.equal(err.code, 'E1')
  assert.match(String(err.stack), /logger\.test/)
  assert.equal((err.cause as Record<string, unknown>).message, 'root')
})

test('cycles, throwing getters and huge values do not break a log line', () => {
  const { logger, lines } = recordingLogger()
  const cyclic: Record<string, unknown> = { text: 'x'.repeat(1_000_000), list: new Array(100_000).fill(1) }
  cyclic.self = cyclic
  Object.defineProperty(cyclic, 'bad', {
    enumerable: true,
    get() {
      throw new Error('no')
    },
  })
  logger.info({ cyclic }, 'still written')
  assert.equal(lines.length, 1)
  assert.ok(lines[0]!.length < 20_000)
})

test('a line break in a logged value cannot forge a line', () => {
  const { logger, lines } = recordingLogger()
  logger.info({ name: 'a\n{"level":"fatal"}' }, 'b\r\nc')
  assert.equal(lines.length, 1)
  assert.equal(lines[0]!.trimEnd().split(/[\r\n]/).length, 1)
})
