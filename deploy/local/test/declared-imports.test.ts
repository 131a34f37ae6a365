import assert from 'node:assert/strict'
import { test } from 'node:test'
import { undeclaredImports } from '@millrace/local-stack/checks/declared-imports.ts'

const manifest = { name: '@millrace/kafka', dependencies: { kafkajs: '2' }, devDependencies: { 'fast-check': '4' } }
const source = 'libs/kafka/src/a.ts'
const inTest = 'libs/kafka/test/a.test.ts'

const cases: [string, string, string, string[]][] = [
  ['a dependency', source, "import { Kafka } from 'kafkajs'", []],
  ['itself', source, "import { a } from '@millrace/kafka/a.ts'", []],
  ['its own file and what Node brings', source, "import './b.ts'\nimport { readFileSync } from 'node:fs'", []],
  ['a package of another workspace', source, "const pg = await import('pg/lib/x.js')", ['pg']],
  ['a library of ours', source, "import type { A } from '@millrace/domain/a.ts'", ['@millrace/domain']],
  ['what only its tests have', source, "import fc from 'fast-check'", ['fast-check']],
  ['what its tests have, in a test', inTest, "import fc from 'fast-check'", []],
]

for (const [what, file, text, undeclared] of cases) {
  test(`a workspace ${undeclared.length === 0 ? 'may import' : 'must declare'} ${what}`, () => {
    assert.deepEqual(undeclaredImports(file, text, manifest), undeclared)
  })
}
