import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { until } from '@millrace/local-stack/servers/until.ts'
import { stopRequested } from '@millrace/local-stack/stop-requested.ts'
import { type MirrorStack, startMirrorStack } from '../mirror/start-mirror-stack.ts'
import { type Cell, cellsOf, warehouses } from './expected-cells.ts'
import { type MatrixWarehouse, matrixWarehouses } from './matrix-warehouses.ts'
import { verifyCells } from './verify-cells.ts'

/** Databricks brings half a gigabyte of Spark: only who names it has it. */
const byDefault = Object.keys(matrixWarehouses).filter((name) => name !== 'databricks')
const usage = `npm run verify:matrix [-- --warehouse ${Object.keys(matrixWarehouses).join(',')}] [--concurrency 6]

Every warehouse × table type × mode × schedule is run twice with exact counts, or refused with 422 and the rule named, as the guide states. One
line a cell. Exit code 0 only if all are. Without --warehouse: ${byDefault.join(',')}.`

const say = (line: string) => console.log(line)

/** Hourly syncs run by themselves when the hour turns, which no cell expects. */
async function awayFromTheHour(): Promise<void> {
  const minute = () => new Date(Date.now()).getUTCMinutes()
  if (minute() < 50) return
  say('waiting for the hour to turn')
  await until(() => minute() < 50, { timeoutMs: 11 * 60_000, everyMs: 1000, what: 'the next hour' })
}

async function verify(names: readonly Cell['warehouse'][], concurrency: number, stop: AbortSignal): Promise<boolean> {
  const dir = mkdtempSync(path.join(tmpdir(), 'millrace-matrix-'))
  const open: MatrixWarehouse[] = []
  let started: MirrorStack | undefined
  let good = false
  try {
    await awayFromTheHour()
    for (const name of names) open.push(await matrixWarehouses[name]!())
    say(`starting a stack that reads from ${names.join(', ')} in ${dir}`)
    started = await startMirrorStack(dir, open, { say })
    const stack = started
    const verified = open.map((warehouse) =>
      verifyCells(stack, warehouse, { cells: cellsOf(warehouse.kind), concurrency, signal: stop, say }),
    )
    const wrong = (await Promise.all(verified)).flat()
    const count = names.reduce((sum, name) => sum + cellsOf(name).length, 0)
    say(`\n${count} cells of ${names.join(', ')}: ${count - wrong.length} as the guide states, ${wrong.length} wrong`)
    const left = warehouses.filter((name) => !names.includes(name))
    if (left.length > 0) say(`Not among them: ${left.join(', ')}`)
    good = wrong.length === 0
  } catch (error) {
    say(error instanceof Error ? (error.stack ?? error.message) : String(error))
  } finally {
    await started?.stop()
    for (const warehouse of open) await warehouse.close()
    if (good) rmSync(dir, { recursive: true, force: true })
    else say(`Logs and data are kept in ${dir}`)
  }
  return good
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { warehouse: { type: 'string' }, concurrency: { type: 'string', default: '6' } },
  })
  const asked = values.warehouse?.split(',') ?? byDefault
  const names = warehouses.filter((name) => asked.includes(name) && Object.hasOwn(matrixWarehouses, name))
  const concurrency = /^\d{1,2}$/.test(values.concurrency) ? Number(values.concurrency) : 0
  if (names.length !== asked.length || concurrency < 1) {
    console.error(usage)
    return 2
  }
  const stop = new AbortController()
  void stopRequested().then((signal) => stop.abort(new Error(`stopped by ${signal}`)))
  return (await verify(names, concurrency, stop.signal)) ? 0 : 1
}

process.exit(await main())
