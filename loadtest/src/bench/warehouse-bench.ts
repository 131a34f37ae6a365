import { availableParallelism, cpus, totalmem } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  createPipelineClient,
  type PipelineClient,
  type PipelineProject,
} from '@millrace/local-stack/pipeline-client.ts'
import { isOpen, type RunAnswer, RunEndedError } from '@millrace/local-stack/run-answer.ts'
import { type Stack, startStack } from '@millrace/local-stack/stack.ts'
import { shopEventsMapping } from '../data/shop-events.ts'
import { UsageMeter } from '../measure/usage-meter.ts'
import type { StandInKind } from '../warehouses/stand-in.ts'
import { type StandInServer, startStandIn } from '../warehouses/start-stand-in.ts'
import type { BenchOptions } from './bench-options.ts'
import { lane, measuredProcesses } from './bench-setting.ts'
import { type Measurement, measurementOf } from './measurement.ts'

/** What reading from a warehouse's stand-in costs. */
export type WarehouseBench = {
  readonly warehouse: StandInKind
  readonly rows: number
  readonly machine: { readonly cores: number; readonly model: string; readonly memoryGb: number }
  /** Setting the rows aside in the warehouse, seconds: the warehouse's own work, here the stand-in's. */
  readonly planSeconds: number
  /** From the first row that is read until Kafka has all; nothing else of Millrace runs. */
  readonly extractor: Measurement
  /** Mirror through the whole chain: the first run, and one after 1.2 % of the rows were changed; null for more than a million rows. */
  readonly mirror: { readonly first: MirrorMeasurement; readonly second: MirrorMeasurement } | null
  /** Highest resident memory, bytes. */
  readonly peaks: Readonly<Record<string, number>>
}
export type MirrorMeasurement = { readonly seconds: number; readonly changes: number; readonly report: string }

type Setting = {
  readonly stack: Stack
  readonly client: PipelineClient
  readonly standIn: StandInServer
  readonly meter: UsageMeter
  readonly say: (line: string) => void
}

const lookMs = 100
const mirrorRowsMax = 1_000_000
const timeoutMs = 3_600_000

/** Starts the stand-in and a stack, measures, and ends both. */
export async function benchWarehouse(
  kind: StandInKind,
  options: BenchOptions,
  dir: string,
  say: (line: string) => void,
): Promise<WarehouseBench> {
  const { rows, seed } = options
  const started: { stop(): Promise<void> }[] = []
  try {
    say(`starting the stand-in for ${kind} and making ${rows.toLocaleString('en')} rows`)
    const standIn = await startStandIn(kind, { dir: path.join(dir, 'warehouse'), rows, seed })
    started.push(standIn)
    const stack = await startStack({ dir: path.join(dir, 'stack'), fresh: true, env: environment(kind, standIn), say })
    started.push(stack)
    const meter = new UsageMeter(() => measuredProcesses(stack, { name: kind, pid: standIn.pid }))
    started.push({ stop: async () => meter.close() })
    const setting = { stack, client: createPipelineClient(stack), standIn, meter, say }
    const alone = await measureExtractor(setting, rows)
    return {
      warehouse: kind,
      rows,
      machine: {
        cores: availableParallelism(),
        model: cpus()[0]?.model.trim() ?? 'unknown',
        memoryGb: totalmem() / 2 ** 30,
      },
      ...alone,
      // Of more rows the stand-in's comparison would be measured, and hardly anything else.
      mirror: rows > mirrorRowsMax ? null : await measureMirror(setting),
      peaks: meter.peaks(),
    }
  } finally {
    for (const each of started.reverse()) await each.stop()
  }
}

function environment(kind: StandInKind, { env }: StandInServer) {
  return {
    ...env,
    extractor: { ...env.extractor, MILLRACE_WAREHOUSE: kind },
    transformer: { ...env.transformer, MILLRACE_WAREHOUSES: kind },
  }
}

/** A one-time sync with nobody behind the extractor; the run is cancelled when it has been read. */
async function measureExtractor(
  { stack, client, standIn, meter, say }: Setting,
  rows: number,
): Promise<{ readonly planSeconds: number; readonly extractor: Measurement }> {
  const others = (['extractor', 'transformer', 'loader'] as const).map((name) => stack.service(name))
  for (const service of others) await service.stop()
  const { project, syncId } = await createSync(stack, client, standIn, 'one_time')
  // Alone, nobody loads what it publishes, so its flow control must not hold it.
  const extractor = await stack.addService('extractor', { env: { MILLRACE_IN_FLIGHT_BYTES: String(2 ** 50) } })
  say('the extractor alone')
  const started = performance.now()
  const { id } = await client.startRun(project, syncId)
  await reached(client, project, id, ({ state }) => state === 'reading' || state === 'draining')
  const planSeconds = (performance.now() - started) / 1000
  const end = meter.begin()
  const run = await reached(client, project, id, ({ state }) => state === 'draining')
  const usage = end()
  if (run.progress.rowsRead !== rows) throw new Error(`${run.progress.rowsRead} rows of ${rows} were read`)
  await stack.api.post(`/v1/projects/${project.id}/runs/${id}/cancel`)
  await extractor.stop()
  for (const service of others) await service.start()
  return { planSeconds, extractor: measurementOf(rows, usage, availableParallelism()) }
}

async function measureMirror({ stack, client, standIn, say }: Setting): Promise<NonNullable<WarehouseBench['mirror']>> {
  const { project, syncId } = await createSync(stack, client, standIn, 'mirror')
  const run = async (): Promise<MirrorMeasurement> => {
    const started = performance.now()
    const { id } = await client.startRun(project, syncId)
    const { counts, report } = await client.succeeded(project, id, { everyMs: lookMs, timeoutMs })
    return { seconds: (performance.now() - started) / 1000, changes: counts.read, report }
  }
  say('mirror: the first run')
  const first = await run()
  await standIn.change()
  say('mirror: a run after 1.2 % of the rows were changed')
  return { first, second: await run() }
}

async function createSync(
  stack: Stack,
  client: PipelineClient,
  standIn: StandInServer,
  mode: 'one_time' | 'mirror',
): Promise<{ readonly project: PipelineProject; readonly syncId: string }> {
  const project = await client.createProject(mode)
  const source = await stack.api.post<{ id: string }>(`/v1/projects/${project.id}/sources`, {
    name: 'warehouse',
    ...standIn.source,
  })
  const { id: syncId } = await client.createSync(project, {
    name: mode,
    sourceId: source.id,
    table: standIn.table,
    tableType: 'events',
    mode,
    mapping: shopEventsMapping,
    lane,
  })
  return { project, syncId }
}

async function reached(
  client: PipelineClient,
  project: PipelineProject,
  runId: string,
  isThere: (run: RunAnswer) => boolean,
): Promise<RunAnswer> {
  for (const deadline = performance.now() + timeoutMs; ; await sleep(lookMs)) {
    const run = await client.run(project, runId)
    if (isThere(run)) return run
    if (!isOpen(run)) throw new RunEndedError(run)
    if (performance.now() > deadline) throw new Error(`The run is still ${run.state} after ${timeoutMs} ms`)
  }
}
