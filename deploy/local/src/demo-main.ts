import path from 'node:path'
import { EVENTS_CHECK, eventsOfImport, matches, PROFILE_CHECKS, runCheck } from './demo/checks.ts'
import {
  AIRPORT_GROUPS_SYNC,
  AIRPORT_LOOKUP_SYNC,
  createDemoSync,
  type DemoSync,
  FLIGHTS_SYNC,
  ORIGINS_SYNC,
} from './demo/demo-syncs.ts'
import { NEW_FLIGHTS_COUNT } from './demo/demo-tables.ts'
import { nextSteps } from './demo/next-steps.ts'
import { countText } from './demo/number-text.ts'
import { progressLine } from './demo/progress-line.ts'
import { type DemoWarehouse, startDemoWarehouse } from './demo/warehouse.ts'
import { watchRun } from './demo/watch-run.ts'
import { createPipelineClient, type PipelineProject } from './pipeline-client.ts'
import type { RunAnswer } from './run-answer.ts'
import { checkoutRoot } from './servers/installed-tools.ts'
import { type Stack, startStack } from './stack.ts'
import { removeStackRecord, writeStackRecord } from './stack-record.ts'
import { stopRequested } from './stop-requested.ts'

const USAGE = `usage: npm run demo              sync 3 million flights and stay up until Ctrl-C
       npm run demo -- --exit    take everything down at the end; exit code 0 only if every count matched`

const FLIGHTS_REPORT = '3,000,000 rows read = 2,999,809 events + 191 identical rows collapsed + 0 rejected, 0 missing'

const dir = path.resolve(process.env.MILLRACE_DEMO_DIR ?? path.join(checkoutRoot, '.millrace/demo'))
const line = progressLine()
const say = (text: string) => console.log(text)

/** The demo's story: a stack from nothing, a warehouse with real data, four syncs, 1,000 new rows, and the proof by counting. */
async function main(args: readonly string[]): Promise<number> {
  if (args.some((arg) => arg !== '--exit')) {
    console.error(USAGE)
    return 2
  }
  const interrupted = stopRequested()
  const ended = interrupted.then((signal) => {
    throw new InterruptedError(signal)
  })
  ended.catch(() => undefined) // raced below
  say(`Millrace demo, in ${dir}\n`)
  let stack: Stack | undefined
  let warehouse: DemoWarehouse | undefined
  try {
    stack = await startStack({ dir, fresh: true, say: (text) => say(`• ${text}`) })
    writeStackRecord(stack)
    say('• starting the warehouse, a Postgres with TLS')
    warehouse = await startDemoWarehouse(path.join(dir, 'warehouse'), { say: (text) => say(`• ${text}`), line })
    const allMatched = await Promise.race([ended, syncAndCheck(stack, warehouse)])
    if (args.includes('--exit')) return allMatched ? 0 : 1
    say('\nEverything stays up until Ctrl-C.')
    await interrupted
    return allMatched ? 0 : 1
  } catch (error) {
    if (!(error instanceof InterruptedError)) throw error
    return 130
  } finally {
    line.end()
    say('ending the demo')
    removeStackRecord(dir)
    await stack?.stop()
    await warehouse?.stop()
  }
}

async function syncAndCheck(stack: Stack, warehouse: DemoWarehouse): Promise<boolean> {
  const pipeline = createPipelineClient(stack)
  const project = await pipeline.createProject('demo')
  say('• connecting the warehouse (TLS, server certificate and host name verified)')
  const { id: sourceId } = await pipeline.createSource(project, 'demo warehouse', warehouse.connection)
  const run = async (sync: DemoSync) => {
    const created = await createDemoSync(pipeline, project, { sourceId, sync })
    const { run: finished } = await watchRun(pipeline, project, { syncId: created.id, title: sync.title, line })
    return { created, run: finished }
  }
  say('\nSyncing')
  const flights = await run(FLIGHTS_SYNC)
  for (const sync of [AIRPORT_GROUPS_SYNC, AIRPORT_LOOKUP_SYNC, ORIGINS_SYNC]) await run(sync)

  const added = await warehouse.addNewFlights()
  say(`\n${countText(added)} new rows in flights`)
  const again = await watchRun(pipeline, project, { syncId: flights.created.id, title: FLIGHTS_SYNC.title, line })

  const { importId } = flights.created
  const held = await eventsOfImport(project, importId)
  const verdicts = [
    verdict('the first run says what the data set holds', flights.run.report, FLIGHTS_REPORT),
    verdict('the second run loads the new rows only', loadedText(again.run), loadedText(expectedSecondRun())),
    verdict('events of this sync at the destination', countText(held), countText(flights.run.counts.events + added)),
    ...(await contentVerdicts(warehouse, project)),
  ]
  say('\nSource and destination, counted on both sides')
  for (const { text } of verdicts) say(text)
  const allMatched = verdicts.every(({ ok }) => ok)
  say(allMatched ? '\nEvery count matches.' : '\nNOT EVERY COUNT MATCHES.')
  say(nextSteps(stack, project, flights.created))
  return allMatched
}

type Verdict = { readonly ok: boolean; readonly text: string }

async function contentVerdicts(warehouse: DemoWarehouse, project: PipelineProject): Promise<Verdict[]> {
  const verdicts: Verdict[] = []
  for (const check of [EVENTS_CHECK, ...PROFILE_CHECKS]) {
    line.update(`  comparing ${check.what}`)
    const result = await runCheck(check, warehouse, project)
    const ok = matches(result)
    const counts = `source ${countText(result.source)}, destination ${countText(result.destination)}`
    verdicts.push({ ok, text: `  ${mark(ok)} ${check.what}: ${counts}, ${result.differences} rows differ` })
  }
  line.end()
  return verdicts
}

function verdict(what: string, actual: string, expected: string): Verdict {
  const ok = actual === expected
  return { ok, text: `  ${mark(ok)} ${what}: ${actual}${ok ? '' : `, expected ${expected}`}` }
}

function mark(ok: boolean): string {
  return ok ? '✓' : '✗'
}

function loadedText({ counts }: LoadedRun): string {
  return `${countText(counts.read)} rows read, ${countText(counts.events)} events`
}

type LoadedRun = { readonly counts: Pick<RunAnswer['counts'], 'read' | 'events'> }

function expectedSecondRun(): LoadedRun {
  return { counts: { read: NEW_FLIGHTS_COUNT, events: NEW_FLIGHTS_COUNT } }
}

class InterruptedError extends Error {
  readonly code = 'INTERRUPTED'
  readonly hint = ''

  constructor(signal: NodeJS.Signals) {
    super(`ended by ${signal}`)
    this.name = 'InterruptedError'
  }
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error) => {
    console.error(error instanceof Error ? error.message : error)
    process.exit(1)
  },
)
