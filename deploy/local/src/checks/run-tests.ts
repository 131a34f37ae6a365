import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { commandFor } from '../servers/server-process.ts'

export type Counts = {
  readonly tests: number
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly cancelled: number
}

/** How long a test file took, its servers included. */
export type FileTime = { readonly file: string; readonly ms: number }

export type TestsResult = { readonly ok: boolean; readonly counts: Counts; readonly times: readonly FileTime[] }

export type RunTestsOptions = {
  readonly root: string
  readonly files: readonly string[]
  /** Test files at a time. */
  readonly concurrency: number
  /** A test that takes longer has failed, ms. */
  readonly testMs: number
  /** Ends the run: SIGTERM, and after a while SIGKILL, to everything in it. */
  readonly signal: AbortSignal
}

const graceMs = 5_000
const reporter = path.join(import.meta.dirname, 'counts-reporter.ts')

/** Runs test files with node:test, its report going to the screen. `ok` is false when a test or the runner itself failed. */
export async function runTests(options: RunTestsOptions): Promise<TestsResult> {
  const folder = mkdtempSync(path.join(tmpdir(), 'millrace-test-'))
  try {
    const countsFile = path.join(folder, 'counts.json')
    const code = await runNode(options, countsFile)
    const { counts, times } = readReport(countsFile)
    return { ok: code === 0 && counts.failed + counts.cancelled === 0 && counts.tests > 0, counts, times }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function runNode({ root, files, concurrency, testMs, signal }: RunTestsOptions, countsFile: string) {
  const args = [
    '--disable-warning=TimeoutNegativeWarning',
    '--test',
    `--test-concurrency=${concurrency}`,
    `--test-timeout=${testMs}`,
    // A test that hangs is a failure already; what it left open must not keep its process from ending.
    '--test-force-exit',
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    `--test-reporter=${reporter}`,
    `--test-reporter-destination=${countsFile}`,
    ...files,
  ]
  // A group of its own, so that it can be ended as a whole; servers that tests started end with the tests (server-process.ts).
  const [command, commandArgs] = commandFor({ command: process.execPath, args }, 'SIGTERM')
  const child = spawn(command, commandArgs, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], detached: true })
  const end = () => {
    signalGroup(child.pid, 'SIGTERM')
    setTimeout(() => signalGroup(child.pid, 'SIGKILL'), graceMs).unref()
  }
  signal.addEventListener('abort', end)
  if (signal.aborted) end()
  const [code] = await once(child, 'exit')
  signal.removeEventListener('abort', end)
  // Test processes that outlived the runner.
  signalGroup(child.pid, 'SIGKILL')
  return code as number | null
}

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

const nothing: Counts = { tests: 0, passed: 0, failed: 0, skipped: 0, cancelled: 0 }

/** Counts are all 0 when the runner ended before its summary. */
function readReport(file: string): { readonly counts: Counts; readonly times: readonly FileTime[] } {
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []
  const parts = lines.flatMap((line) => (line.endsWith('}') ? [JSON.parse(line)] : []))
  const { tests, passed, failed = 0, skipped, cancelled } = parts.find(({ counts }) => counts)?.counts ?? nothing
  const counts = { tests, passed, failed: Math.max(failed, tests - passed - skipped - cancelled), skipped, cancelled }
  return { counts, times: parts.filter((part) => part.file) }
}
