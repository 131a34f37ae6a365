import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { createPipelineClient } from '@millrace/local-stack/pipeline-client.ts'
import type { Stack } from '@millrace/local-stack/stack.ts'
import { importBodies } from '../bench/import-bodies.ts'
import { type K6Result, runK6 } from './run-k6.ts'

export type IngestionLoad = {
  readonly stack: Stack
  readonly dir: string
  readonly k6: string
  readonly eventsPerSecond: number
  readonly seconds: number
  readonly say: (line: string) => void
}

const batchEvents = 2000
const virtualUsers = 6
/** Distinct batches made beforehand; a longer test begins again with the first one. */
const poolBatchesMax = 450

/** The import API at a constant rate, with batches made and compressed beforehand. */
export async function loadIngestion(load: IngestionLoad): Promise<K6Result> {
  const { stack, dir, k6, eventsPerSecond, seconds, say } = load
  const needed = Math.ceil((eventsPerSecond * seconds) / batchEvents)
  const distinct = Math.min(needed, poolBatchesMax)
  say(`making ${distinct} distinct batches of ${batchEvents} events`)
  if (distinct < needed) say(`the test sends ${needed} batches: after ${distinct} the insert ids repeat`)
  const files = await writePool(path.join(dir, 'pool'), distinct)
  const { destinationProjectId, account } = await createPipelineClient(stack).createProject('k6 ingestion')
  say(`sending ${eventsPerSecond} events/s for ${seconds} s`)
  const url = `${stack.addresses.ingestion}/import?strict=1&project_id=${destinationProjectId}`
  const settings = { ...account, url, eventsPerSecond, seconds, batchEvents, virtualUsers, files }
  return await runK6({ script: 'ingestion', settings, dir, k6 })
}

async function writePool(folder: string, batches: number): Promise<string[]> {
  mkdirSync(folder, { recursive: true })
  const bodies = await importBodies(1, batches * batchEvents, batchEvents)
  return bodies.map(({ gzip }, at) => {
    const file = path.join(folder, `${at}.gz`)
    writeFileSync(file, gzip)
    return file
  })
}
