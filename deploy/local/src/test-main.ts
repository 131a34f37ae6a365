import path from 'node:path'
import { parseArgs } from 'node:util'
import { checkAll } from './checks/check-all.ts'
import { type Counts, type FileTime, runTests } from './checks/run-tests.ts'
import { testFiles } from './checks/test-files.ts'
import { checkoutRoot } from './servers/installed-tools.ts'

/**
 * `npm test`: checks, then all tests; `npm test -- libs/kafka crash` runs only the test files whose path has one of the words.
 * Set-up was done by millrace.mjs, so a test that does not find its servers fails.
 */
const testMs = 180_000
const slowestShown = 10
const { values, positionals } = parseArgs({
  options: { minutes: { type: 'string', default: '15' }, 'no-check': { type: 'boolean', default: false } },
  allowPositionals: true,
})

const started = performance.now()
const abort = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => abort.abort(signal))
const deadline = setTimeout(
  () => abort.abort(`it took more than ${values.minutes} minutes`),
  Number(values.minutes) * 60_000,
)

const root = checkoutRoot
const { fast, heavy } = testFiles(root, positionals)
const failures: string[] = []
const all: Counts[] = []
const fileTimes: FileTime[] = []

if (positionals.length === 0 && !values['no-check']) {
  console.log('\nChecks')
  if (!(await checkAll(root, console.log))) failures.push('checks')
}
await phase('Tests', fast, 2)
await phase('Tests that kill and restart servers', heavy, 1)
if (fast.length + heavy.length === 0) failures.push(`no test file matches ${positionals.join(' ')}`)
if (abort.signal.aborted) failures.push(`stopped: ${abort.signal.reason}`)
clearTimeout(deadline)
report()

async function phase(name: string, files: readonly string[], concurrency: number): Promise<void> {
  if (files.length === 0 || abort.signal.aborted) return
  console.log(`\n${name}: ${files.length} files, ${concurrency} at a time`)
  const { ok, counts, times } = await runTests({ root, files, concurrency, testMs, signal: abort.signal })
  all.push(counts)
  fileTimes.push(...times)
  if (!ok) failures.push(name.toLowerCase())
}

function report(): void {
  const sum = (field: keyof Counts) => all.reduce((total, counts) => total + counts[field], 0)
  const seconds = Math.round((performance.now() - started) / 1000)
  console.log('\nSlowest files')
  for (const { file, ms } of fileTimes.toSorted((a, b) => b.ms - a.ms).slice(0, slowestShown)) {
    console.log(`  ${(ms / 1000).toFixed(1).padStart(6)} s  ${path.relative(root, file)}`)
  }
  console.log(`\ntests ${sum('tests')}\npass ${sum('passed')}\nfail ${sum('failed')}\ncancelled ${sum('cancelled')}`)
  console.log(`skipped ${sum('skipped')}\nduration ${Math.floor(seconds / 60)} min ${seconds % 60} s`)
  console.log(failures.length === 0 ? '\nEverything passed.' : `\nFailed: ${failures.join('; ')}.`)
  process.exitCode = failures.length === 0 ? 0 : 1
}
