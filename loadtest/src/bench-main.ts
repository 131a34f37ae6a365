import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir, totalmem } from 'node:os'
import path from 'node:path'
import { createPipelineClient } from '@millrace/local-stack/pipeline-client.ts'
import { serviceNames } from '@millrace/local-stack/service-process.ts'
import { type Stack, type StackOptions, startStack } from '@millrace/local-stack/stack.ts'
import { stopRequested } from '@millrace/local-stack/stop-requested.ts'
import { type BenchOptions, benchOptions } from './bench/bench-options.ts'
import { type BenchSetting, measuredProcesses } from './bench/bench-setting.ts'
import { measureEndToEnd } from './bench/end-to-end.ts'
import { importBodies } from './bench/import-bodies.ts'
import { measureNaive } from './bench/naive-script.ts'
import { type BenchReport, reportJson, reportText } from './bench/report.ts'
import { bytesOut } from './bench/scraped-bytes.ts'
import { measureIngestion, measurePipelineStages } from './bench/stages.ts'
import { benchWarehouse } from './bench/warehouse-bench.ts'
import { warehouseJson, warehouseText } from './bench/warehouse-report.ts'
import { importJson, shopEvents } from './data/shop-events.ts'
import { startSource } from './data/start-source.ts'
import { UsageMeter } from './measure/usage-meter.ts'

const table = 'shop_events'
const warmUpTable = 'shop_events_before'
const say = (line: string) => void process.stderr.write(`${line}\n`)

async function bench(options: BenchOptions): Promise<void> {
  const dir = path.resolve(options.dir ?? mkdtempSync(path.join(tmpdir(), 'millrace-bench-')))
  try {
    if (options.warehouse === 'postgres') await benchChain(options, dir)
    else {
      const report = await benchWarehouse(options.warehouse, options, dir, say)
      write(warehouseText(report), warehouseJson(report), options.json)
    }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

async function benchChain(options: BenchOptions, dir: string): Promise<void> {
  const cleanUp: (() => Promise<void>)[] = []
  try {
    say('starting the source Postgres (TLS) and the stack')
    const { warehouse, caCertificate, fill } = await startSource(path.join(dir, 'warehouse'))
    cleanUp.push(() => warehouse.stop())
    const { rows, seed, warmUp } = options
    say(`making ${rows.toLocaleString('en')} rows`)
    const tableBytes = await fill({ table, rows, seed, say })
    if (warmUp > 0) await fill({ table: warmUpTable, rows: warmUp, seed: seed + 2 })
    const stack = await startStack({
      dir: path.join(dir, 'stack'),
      fresh: true,
      nodeFlags: profileFlags(options.profile),
      say,
    })
    cleanUp.push(() => stack.stop())
    const meter = new UsageMeter(() => measuredProcesses(stack, { name: 'source postgres', pid: warehouse.pid }))
    cleanUp.push(async () => meter.close())
    const cores = availableParallelism()
    const client = createPipelineClient(stack)
    const setting: BenchSetting = {
      stack,
      client,
      warehouse,
      caCertificate,
      table,
      rows,
      cores,
      meter,
      say,
    }
    const report = await measureAll(setting, options, tableBytes)
    write(reportText(report), reportJson(report), options.json)
  } finally {
    for (const each of cleanUp.reverse()) await each()
  }
}

function profileFlags(folder: string | undefined): StackOptions['nodeFlags'] {
  if (folder === undefined) return {}
  const flags = (name: string) => ['--cpu-prof', `--cpu-prof-dir=${path.resolve(folder, name)}`]
  return Object.fromEntries(serviceNames.map((name) => [name, flags(name)]))
}

async function measureAll(
  setting: BenchSetting,
  { rows, seed, warmUp }: BenchOptions,
  tableBytes: number,
): Promise<BenchReport> {
  const { stack, meter, cores } = setting
  if (warmUp > 0) {
    say('warming up')
    await measureEndToEnd({ ...setting, table: warmUpTable, rows: warmUp })
  }
  const before = await sentBytes(stack)
  say('end to end: Postgres, Kafka, extractor, transformer, loader, ingestion')
  const endToEnd = await measureEndToEnd(setting)
  const after = await sentBytes(stack)
  const bytesPerRecord = {
    'source table': tableBytes / rows,
    'change batches': (after.extractor - before.extractor) / rows,
    'update batches': (after.transformer - before.transformer) / rows,
    'requests (gzip)': (after.loader - before.loader) / rows,
  }
  say('the naive script')
  const naive = await measureNaive(setting)
  say('extractor, transformer and loader, one after the other')
  const stages = await measurePipelineStages(setting)
  say('ingestion')
  const bodies = await importBodies(seed + 1, rows, 2000)
  const ingestion = await measureIngestion(setting, bodies)
  return {
    rows,
    warmUp,
    eventBytes: meanEventBytes(seed),
    machine: { cores, model: cpus()[0]?.model.trim() ?? 'unknown', memoryGb: totalmem() / 2 ** 30 },
    endToEnd,
    stages: { ...stages, ingestion },
    naive: naive.measurement,
    peaks: { ...meter.peaks(), 'naive script': naive.peakBytes },
    bytesPerRecord,
  }
}

/** What each of the three has ever sent, bytes. */
async function sentBytes(stack: Stack) {
  const [extractor, transformer, loader] = await Promise.all(
    (['extractor', 'transformer', 'loader'] as const).map((name) => bytesOut(stack.service(name).adminUrl)),
  )
  return { extractor: extractor!, transformer: transformer!, loader: loader! }
}

function meanEventBytes(seed: number): number {
  const sample = [...shopEvents(seed, 1, 1000)].map((event) => Buffer.byteLength(importJson(event, 'x'.repeat(36))))
  return sample.reduce((sum, bytes) => sum + bytes, 0) / sample.length
}

function write(text: string, json: object, file: string): void {
  process.stdout.write(`${text}\n`)
  mkdirSync(path.dirname(path.resolve(file)), { recursive: true })
  writeFileSync(file, `${JSON.stringify(json, null, 2)}\n`)
  say(`written to ${file}`)
}

const options = benchOptions(process.argv.slice(2), say)
if (options === null) process.exit(process.argv.includes('--help') ? 0 : 2)
// A signal ends this process; the kernel then ends its children, which carry that wish (setpriv --pdeathsig).
void stopRequested().then((signal) => {
  say(`${signal}: stopping`)
  process.exit(130)
})
await bench(options)
process.exit(0)
