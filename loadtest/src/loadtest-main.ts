import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { type Stack, startStack } from '@millrace/local-stack/stack.ts'
import { stopRequested } from '@millrace/local-stack/stop-requested.ts'
import { startSource } from './data/start-source.ts'
import { loadIngestion } from './k6/ingestion-load.ts'
import { loadPipeline } from './k6/pipeline-load.ts'
import type { K6Result } from './k6/run-k6.ts'
import { summaryText } from './k6/summary-text.ts'

const usage = `npm run loadtest -- ingestion [--rate 30000] [--seconds 30]
npm run loadtest -- pipeline  [--rows 1000000] [--rate 45000]

Runs a k6 script against a stack of its own on this machine; fails when a threshold does not hold. --rate is in events
(records) a second. The summary goes to loadtest/results.
`
const say = (line: string) => void process.stderr.write(`${line}\n`)

type Options = { readonly kind: string; readonly rate: number | null; readonly seconds: number; readonly rows: number }

async function loadTest(options: Options, k6: string): Promise<boolean> {
  const dir = mkdtempSync(path.join(tmpdir(), 'millrace-loadtest-'))
  let stack: Stack | undefined
  const source = options.kind === 'pipeline' ? await startSource(path.join(dir, 'warehouse')) : undefined
  try {
    const rows = options.rows
    if (source) await source.fill({ table: 'shop_events', rows, seed: 1, say })
    stack = await startStack({ dir: path.join(dir, 'stack'), fresh: true, say })
    const { passed, summaryFile } = await load({ options, k6, dir, stack, source })
    say(`${summaryText(summaryFile)}\nwritten to ${path.relative(process.cwd(), summaryFile)}`)
    return passed
  } finally {
    await stack?.stop()
    await source?.warehouse.stop()
    rmSync(dir, { recursive: true, force: true })
  }
}

type Parts = {
  readonly options: Options
  readonly k6: string
  readonly dir: string
  readonly stack: Stack
  readonly source: Awaited<ReturnType<typeof startSource>> | undefined
}

function load({ options, k6, dir, stack, source }: Parts): Promise<K6Result> {
  const { rate, seconds, rows } = options
  if (!source) return loadIngestion({ stack, dir, k6, eventsPerSecond: rate ?? 30_000, seconds, say })
  const { warehouse, caCertificate } = source
  const recordsPerSecondMin = rate ?? 45_000
  return loadPipeline({ stack, warehouse, caCertificate, table: 'shop_events', rows, recordsPerSecondMin, dir, k6 })
}

function parseOptions(): Options | null {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rate: { type: 'string' },
      seconds: { type: 'string', default: '30' },
      rows: { type: 'string', default: '1000000' },
    },
  })
  const [kind = '', ...rest] = positionals
  const numbers = {
    rate: values.rate === undefined ? null : Number(values.rate),
    seconds: Number(values.seconds),
    rows: Number(values.rows),
  }
  const good = Object.values(numbers).every((value) => value === null || (Number.isSafeInteger(value) && value > 0))
  return good && rest.length === 0 && (kind === 'ingestion' || kind === 'pipeline') ? { kind, ...numbers } : null
}

const options = parseOptions()
const k6 = process.env.MILLRACE_K6
if (options === null || !k6) {
  say(k6 ? usage : 'MILLRACE_K6 does not name the k6 program; start this with: npm run loadtest')
  process.exit(2)
}
// A signal ends this process; the kernel then ends its children, which carry that wish (setpriv --pdeathsig).
void stopRequested().then((signal) => {
  say(`${signal}: stopping`)
  process.exit(130)
})
process.exit((await loadTest(options, k6)) ? 0 : 1)
