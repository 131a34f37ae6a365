import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { until } from '@millrace/local-stack/servers/until.ts'
import { stopRequested } from '@millrace/local-stack/stop-requested.ts'
import type { MirrorBase } from './mirror-world.ts'
import { isMirrorWarehouse, type MirrorWarehouseName, mirrorWarehouses } from './open-mirror-warehouse.ts'
import { startMirrorStack } from './start-mirror-stack.ts'
import { type VerifyOptions, type VerifyResult, verifyHistories } from './verify-histories.ts'

const names = Object.keys(mirrorWarehouses).join('|')
const usage = `npm run verify:mirror -- --warehouse ${names} [--histories 200] [--seed 1] [--concurrency 12]
npm run verify:mirror -- --warehouse ${names} --seed 1 --only 17   plays one history of a seed again

A history is a table that changes at random between the runs of a mirror sync. After every run the destination and the counts of the run are
compared with a model of the table. Exit code 0 only if all were the same.`

const say = (line: string) => console.log(line)

type Wanted = Pick<VerifyOptions, 'histories' | 'seed' | 'only' | 'concurrency'>

function wantedOf(values: Readonly<Record<string, string | undefined>>): Wanted | null {
  const number = (text: string) => (/^\d{1,9}$/.test(text) ? Number(text) : Number.NaN)
  const only = values.only === undefined ? undefined : number(values.only)
  const histories = only === undefined ? number(values.histories ?? '') : only + 1
  const wanted = { histories, seed: number(values.seed ?? ''), only, concurrency: number(values.concurrency ?? '') }
  const isGood = Number.isInteger(wanted.seed) && wanted.histories >= 1 && wanted.concurrency >= 1
  return isGood ? wanted : null
}

/** Everything that runs made in the staging place must go once their syncs are deleted. */
async function assertNothingLeft({ warehouse }: Pick<MirrorBase, 'warehouse'>): Promise<void> {
  await until(async () => (await warehouse.staged()).length === 0, {
    timeoutMs: 60_000,
    everyMs: 200,
    what: 'the removal of all snapshots and rows that were set aside',
  })
}

async function verify(name: MirrorWarehouseName, wanted: Wanted, stop: AbortSignal): Promise<boolean> {
  const dir = mkdtempSync(path.join(tmpdir(), 'millrace-mirror-'))
  say(`starting a stack that reads from ${name} in ${dir}`)
  const warehouse = await mirrorWarehouses[name]()
  const started = await startMirrorStack(dir, [warehouse], { say }).catch(async (error) => {
    await warehouse.close()
    throw error
  })
  const world = { ...started, warehouse }
  const stopped = new Promise<never>((_, reject) => {
    stop.addEventListener('abort', () => reject(new Error(`stopped by ${stop.reason}`)))
  })
  stopped.catch(() => undefined) // raced below
  let same = false
  try {
    const result = await Promise.race([verifyHistories(world, { ...wanted, signal: stop, say }), stopped])
    if (result.mismatches.length === 0) await assertNothingLeft(world)
    same = tell(name, wanted, result)
  } catch (error) {
    say(error instanceof Error ? (error.stack ?? error.message) : String(error))
  } finally {
    await started.stop()
    await warehouse.close()
    if (same) rmSync(dir, { recursive: true, force: true })
    else say(`Logs and data are kept in ${dir}`)
  }
  return same
}

function tell(name: string, { histories, seed, only }: Wanted, { runs, mismatches }: VerifyResult): boolean {
  for (const index of mismatches.slice(0, 10))
    say(`Again: npm run verify:mirror -- --warehouse ${name} --seed ${seed} --only ${index}`)
  const count = only === undefined ? histories : 1
  say(`\n${runs} runs; the destination was compared after each`)
  say(`${count} ${count === 1 ? 'history' : 'histories'}, ${mismatches.length} mismatches`)
  return mismatches.length === 0
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      warehouse: { type: 'string' },
      histories: { type: 'string', default: '200' },
      seed: { type: 'string', default: '1' },
      only: { type: 'string' },
      concurrency: { type: 'string', default: '12' },
    },
  })
  const wanted = wantedOf(values)
  if (wanted === null || values.warehouse === undefined || !isMirrorWarehouse(values.warehouse)) {
    console.error(usage)
    return 2
  }
  const stop = new AbortController()
  void stopRequested().then((signal) => stop.abort(signal))
  return (await verify(values.warehouse, wanted, stop.signal)) ? 0 : 1
}

process.exit(await main())
