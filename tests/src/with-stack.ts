import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before } from 'node:test'
import { startTestStack, type TestStack, type TestStackOptions } from './start-test-stack.ts'

const START_MS = 180_000

/**
 * Starts a small stack and a source database before the tests of a file and ends both after them. The parts of what is returned can be
 * read inside of tests only. MILLRACE_KEEP=1 leaves data and logs where they are and says where.
 */
export function withStack(options: TestStackOptions = {}): TestStack {
  const dir = mkdtempSync(path.join(tmpdir(), 'millrace-test-'))
  let started: TestStack | undefined

  before(
    async () => {
      started = await startTestStack(dir, options)
    },
    { timeout: START_MS },
  )
  after(async () => {
    await Promise.all([started?.stack.stop(), started?.source.stop()])
    if (process.env.MILLRACE_KEEP === '1') console.error(`kept: ${dir}`)
    else rmSync(dir, { recursive: true, force: true })
  })
  const world = (): TestStack => {
    if (started === undefined) throw new Error('The stack is there inside of tests only')
    return started
  }
  return {
    get stack() {
      return world().stack
    },
    get source() {
      return world().source
    },
    get pipeline() {
      return world().pipeline
    },
  }
}
