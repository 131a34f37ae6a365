import assert from 'node:assert/strict'
import { test } from 'node:test'
import { importProblems } from '@millrace/local-stack/checks/import-rules.ts'

const refused: [string, string, RegExp][] = [
  ['libs/domain/src/a.ts', "import { b } from '@millrace/telemetry/logger.ts'", /imports nothing of ours/],
  ['libs/domain/src/a.ts', "import fc from 'fast-check'", /imports no library/],
  ['libs/domain/src/a.ts', "import { readFileSync } from 'node:fs'", /pure/],
  ['libs/net/src/a.ts', "import { b } from '@millrace/store/b.ts'", /may import domain/],
  [
    'libs/kafka/src/a.ts',
    "import type { B } from '@millrace/registry/b.ts'",
    /may import domain, telemetry, not registry/,
  ],
  ['services/loader/src/a.ts', "import { b } from '../../extractor/src/b.ts'", /leaves services\/loader/],
  ['services/loader/src/a.ts', "import { b } from '@millrace/extractor/b.ts'", /service/],
  ['services/loader/test/a.test.ts', "import { b } from '@millrace/extractor/b.ts'", /service/],
  ['services/loader/src/a.ts', "import { b } from '@millrace/testkit/b.ts'", /tests only/],
  ['services/loader/src/a.ts', "import { b } from '@millrace/local-stack/servers/kafka.ts'", /starts servers/],
  ['services/loader/src/a.ts', "export { Kafka } from 'kafkajs'", /libs\/kafka/],
  ['services/loader/test/a.test.ts', "import { Kafka } from 'kafkajs'", /libs\/kafka/],
  ['services/loader/src/a.ts', "const redis = await import('ioredis')", /libs\/coordination/],
  ['services/control-api/src/a.ts', "import pg from 'pg'", /libs\/store/],
  ['libs/net/src/a.ts', 'connect({ rejectUnauthorized: false })', /certificate/],
  ['deploy/local/src/a.ts', "process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'", /certificate/],
]

for (const [file, text, message] of refused) {
  test(`refused in ${file}: ${text}`, () => {
    const problems = importProblems(file, `// a comment\n${text}\n`)
    assert.equal(problems.length, 1)
    assert.match(problems[0]!.message, message)
    assert.equal(problems[0]!.line, 2)
  })
}

const allowed: [string, string][] = [
  ['libs/domain/test/a.test.ts', "import fc from 'fast-check'"],
  ['libs/domain/src/a.ts', "import { hash } from 'node:crypto'"],
  ['libs/kafka/src/a.ts', "import { Kafka } from 'kafkajs'"],
  ['libs/warehouses/src/a.ts', "import { openRoute } from '@millrace/net/route.ts'"],
  ['libs/kafka/test/a.test.ts', "import { startFaultyBroker } from '@millrace/testkit/faulty-broker.ts'"],
  ['services/loader/src/a.ts', "import { errors } from '@millrace/destinations/destination.ts'"],
  ['services/loader/src/a.ts', "// import pg from 'pg'"],
  ['services/loader/src/a.ts', 'const text = "import { Kafka } from \'kafkajs\'"'],
  ['loadtest/src/a.ts', "import { startKafka } from '@millrace/local-stack/servers/kafka.ts'"],
  ['tests/crash/a.test.ts', "import pg from 'pg'"],
]

for (const [file, text] of allowed) {
  test(`allowed in ${file}: ${text}`, () => assert.deepEqual(importProblems(file, text), []))
}
