import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { runTests } from '@millrace/local-stack/checks/run-tests.ts'
import { checkoutRoot } from '@millrace/local-stack/servers/installed-tools.ts'
import { stopRequested } from '@millrace/local-stack/stop-requested.ts'
import { runCampaign } from './chaos/campaign.ts'
import { quickToNotice, startTestStack } from './start-test-stack.ts'

const usage = `npm run chaos [-- --seeds 3] [--seed 1]               kills random processes of a stack in the middle of append runs
npm run chaos -- --minutes 60 [--seed 1]             goes on with the next seed for that long; npm run soak is the same
npm run chaos -- append-under-fire [--seconds 120]   writers that commit late, with a run every 10 s
npm run chaos -- dead-destination                    compares the speed of others beside a destination that is dead

A seed decides what is struck, when, how and for how long. Exit code 0 only if source and destination were the same after every run.`

const say = (line: string) => console.log(line)

/** Campaigns that are test files, too long for npm test or in need of a machine of their own. */
const files: Readonly<Record<string, string>> = {
  'append-under-fire': 'tests/test/append-under-fire.test.ts',
  'dead-destination': 'services/loader/test/timed/beside-a-dead-destination.ts',
}

async function testFile(file: string, stop: AbortSignal, seconds: number): Promise<boolean> {
  process.env.MILLRACE_FIRE_SECONDS = String(seconds)
  const testMs = (seconds + 240) * 1000
  const { ok } = await runTests({ root: checkoutRoot, files: [file], concurrency: 1, testMs, signal: stop })
  return ok
}

async function campaigns(stop: AbortSignal, first: number, wanted: (seedsDone: number) => boolean): Promise<boolean> {
  const dir = mkdtempSync(path.join(tmpdir(), 'millrace-chaos-'))
  say(`starting a stack with two of most services in ${dir}`)
  const counts = { scheduler: 2, extractor: 2, transformer: 2, loader: 2 }
  const world = await startTestStack(dir, { counts, env: quickToNotice, say })
  const stopped = new Promise<never>((_, reject) => {
    stop.addEventListener('abort', () => reject(new Error(`stopped by ${stop.reason}`)))
  })
  stopped.catch(() => undefined) // raced below
  let seed = first
  let same = false
  try {
    for (; wanted(seed - first); seed++) await Promise.race([runCampaign(world, seed, say), stopped])
    say(`\nSource and destination were the same after every run of seeds ${first} to ${seed - 1}.`)
    same = true
  } catch (error) {
    say(`\nseed ${seed}: ${error instanceof Error ? error.stack : error}`)
    say(`Logs and data are kept in ${dir}. Again: npm run chaos -- --seed ${seed} --seeds 1`)
  } finally {
    await Promise.all([world.stack.stop(), world.source.stop()])
    if (same) rmSync(dir, { recursive: true, force: true })
  }
  return same
}

async function main(): Promise<number> {
  const number = (text: string) => (/^\d+$/.test(text) ? Number(text) : Number.NaN)
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seeds: { type: 'string', default: '3' },
      seed: { type: 'string', default: '1' },
      minutes: { type: 'string' },
      seconds: { type: 'string', default: '120' },
    },
  })
  const [seeds, seed, seconds] = [number(values.seeds), number(values.seed), number(values.seconds)]
  const minutes = values.minutes === undefined ? undefined : number(values.minutes)
  const file = files[positionals[0] ?? '']
  const good = [seeds, seed, seconds, minutes ?? 0].every(Number.isSafeInteger)
  if (!good || positionals.length > (file === undefined ? 0 : 1)) {
    console.error(usage)
    return 2
  }
  const stop = new AbortController()
  void stopRequested().then((signal) => stop.abort(signal))
  if (file !== undefined) return (await testFile(file, stop.signal, seconds)) ? 0 : 1
  const started = performance.now()
  const wanted = (done: number) =>
    minutes === undefined ? done < seeds : performance.now() - started < minutes * 60_000
  return (await campaigns(stop.signal, seed, wanted)) ? 0 : 1
}

process.exit(await main())
