import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { BenchSetting } from './bench-setting.ts'
import { type Measurement, measurementOf } from './measurement.ts'

const program = fileURLToPath(new URL('../naive-main.ts', import.meta.url))

/** The naive script over the same table, into the same destination; a process of its own, as a person would run it. */
export async function measureNaive(
  setting: BenchSetting,
): Promise<{ readonly measurement: Measurement; readonly peakBytes: number }> {
  const { stack, client, warehouse, caCertificate, table, rows, meter, cores } = setting
  const { destinationProjectId, account } = await client.createProject('naive script')
  const end = meter.begin()
  const child = spawn(process.execPath, [program], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env.PATH,
      NAIVE_SOURCE_URL: warehouse.url,
      NAIVE_CA: caCertificate,
      NAIVE_TABLE: table,
      NAIVE_TARGET: stack.addresses.ingestion,
      NAIVE_LOGIN: `${account.username}:${account.secret}`,
      NAIVE_PROJECT: destinationProjectId,
    },
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  const { seconds, cpu } = end()
  if (code !== 0) throw new Error(`The naive script ended with ${code}`)
  const said = JSON.parse(output) as { sent: number; cpuSeconds: number; peakBytes: number }
  if (said.sent !== rows) throw new Error(`The naive script sent ${said.sent} of ${rows} rows`)
  const usage = { seconds, cpu: { ...cpu, 'naive script': said.cpuSeconds } }
  return { measurement: measurementOf(rows, usage, cores), peakBytes: said.peakBytes }
}
