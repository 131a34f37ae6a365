import { setTimeout as sleep } from 'node:timers/promises'
import { groupLag } from '@millrace/kafka/admin.ts'
import { updatesTopic } from '@millrace/kafka/topic-names.ts'
import { isOpen, RunEndedError } from '@millrace/local-stack/run-answer.ts'
import { createLogger } from '@millrace/telemetry/logger.ts'
import { Pool } from 'undici'
import { type BenchSetting, createBenchSync, lane } from './bench-setting.ts'
import { measureDrain } from './drain.ts'
import { assertExact } from './end-to-end.ts'
import type { ImportBody } from './import-bodies.ts'
import { type Measurement, measurementOf } from './measurement.ts'

const lookMs = 100
const timeoutMs = 600_000

/**
 * Extractor, transformer and loader one after the other, with the same run: each starts when the one before has put all
 * into its topic and has been stopped. Afterwards the run has succeeded with exact counts.
 */
export async function measurePipelineStages(setting: BenchSetting): Promise<Record<string, Measurement>> {
  const { stack, client, meter, rows, cores } = setting
  for (const name of ['extractor', 'transformer', 'loader'] as const) await stack.service(name).stop()
  const { project, syncId } = await createBenchSync(setting, 'stage by stage')
  // Alone, nobody loads what it publishes, so its flow control must not hold it.
  const extractor = await stack.addService('extractor', { env: { MILLRACE_IN_FLIGHT_BYTES: String(2 ** 50) } })
  const messagesBefore = await messagesIn(setting, updatesTopic(lane))

  const end = meter.begin()
  const { id } = await client.startRun(project, syncId)
  for (const deadline = performance.now() + timeoutMs; ; await sleep(lookMs)) {
    const run = await client.run(project, id)
    if (run.state === 'draining') break
    if (!isOpen(run)) throw new RunEndedError(run)
    if (performance.now() > deadline) throw new Error(`The extractor alone did not end within ${timeoutMs} ms`)
  }
  const extracted = measurementOf(rows, end(), cores)
  await extractor.stop()

  const published = await messagesIn(setting, `changes.postgres.${lane}`)
  const transformer = await measureStart(setting, 'transformer', {
    // One message out for one in, over the life of the topics.
    look: () => messagesIn(setting, updatesTopic(lane)),
    goal: Math.max(published, messagesBefore + 1),
  })
  const loader = await measureStart(setting, 'loader', {
    look: async () => {
      const run = await client.run(project, id)
      if (!isOpen(run) && run.state !== 'succeeded') throw new RunEndedError(run)
      return run.progress.rowsLoaded
    },
    goal: rows,
  })
  assertExact(await client.succeeded(project, id, { everyMs: lookMs }), rows)
  return { extractor: extracted, transformer, loader }
}

async function measureStart(
  setting: BenchSetting,
  name: 'transformer' | 'loader',
  drain: { look(): Promise<number>; goal: number },
): Promise<Measurement> {
  const { stack, meter, rows, cores } = setting
  const [{ share, usage }] = await Promise.all([
    measureDrain({ what: `${name} alone`, ...drain, meter }),
    stack.service(name).start(),
  ])
  const measured = measurementOf(rows * share, usage, cores)
  if (name === 'transformer') await stack.service(name).stop()
  return measured
}

/** Messages that a topic has ever got. */
async function messagesIn({ stack }: BenchSetting, topic: string): Promise<number> {
  const logger = createLogger({ service: 'bench', instance: 'bench', level: 'silent' })
  const connection = { brokers: [stack.addresses.kafka], clientId: 'bench', logger }
  const lags = await groupLag(connection, 'bench', [topic])
  return lags.reduce((sum, { end }) => sum + Number(end), 0)
}

/** The destination, with requests that were made before: what it can take when nothing stands in front of it. */
export async function measureIngestion(setting: BenchSetting, bodies: readonly ImportBody[]): Promise<Measurement> {
  const { stack, client, meter, cores } = setting
  const { destinationProjectId, account } = await client.createProject('ingestion alone')
  const pool = new Pool(stack.addresses.ingestion, { connections: 4 })
  const headers = {
    authorization: `Basic ${Buffer.from(`${account.username}:${account.secret}`).toString('base64')}`,
    'content-type': 'application/json',
    'content-encoding': 'gzip',
  }
  const path = `/import?strict=1&project_id=${destinationProjectId}`
  let next = 0
  async function post(): Promise<void> {
    for (let body = bodies[next++]; body; body = bodies[next++]) {
      const { statusCode, body: answer } = await pool.request({ method: 'POST', path, headers, body: body.gzip })
      const text = await answer.text()
      if (statusCode !== 200) throw new Error(`The destination answered ${statusCode}: ${text.slice(0, 300)}`)
    }
  }
  const end = meter.begin()
  await Promise.all([post(), post(), post(), post()])
  const usage = end()
  await pool.close()
  return measurementOf(
    bodies.reduce((sum, { events }) => sum + events, 0),
    usage,
    cores,
  )
}
