import assert from 'node:assert/strict'
import { test } from 'node:test'
import { proofProblems } from '../src/checks/proofs.ts'

const there = (file: string) => ['libs/store/test/runs.test.ts', 'libs/store/test/leases.test.ts'].includes(file)
const problems = (file: string, text: string) => proofProblems(file, text, there)

test('a test that a comment names as its proof has to be there', () => {
  const comment = (name: string) => ` * Counts once. Proved by test/${name}\n * and test/leases.test.ts.\n */`
  assert.deepEqual(problems('libs/store/src/a.ts', comment('runs.test.ts')), [])
  assert.match(problems('libs/store/src/a.ts', comment('gone.test.ts')).join(), /there is no test\/gone\.test\.ts/)
  assert.deepEqual(problems('libs/store/src/a.ts', 'like test/gone.test.ts, which is no proof'), [])
})

test('so has one that a document names, and a bare name stands beside the one before it', () => {
  assert.deepEqual(problems('docs/a.md', '| leases | libs/store/test/runs.test.ts, leases.test.ts |'), [])
  assert.equal(problems('docs/a.md', '| leases | libs/store/test/runs.test.ts, gone.test.ts |').length, 1)
  assert.equal(problems('docs/a.md', '| leases | leases.test.ts |').length, 1)
})
