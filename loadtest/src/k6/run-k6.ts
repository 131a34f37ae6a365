import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { checkoutRoot } from '@millrace/local-stack/servers/installed-tools.ts'
import { commandFor } from '@millrace/local-stack/servers/server-process.ts'

export type K6Run = {
  /** Name of the script in loadtest/k6, without its ending. */
  readonly script: string
  /** What the script reads as JSON; kept in a file for its owner only, since it holds credentials of the test. */
  readonly settings: object
  /** Folder for the settings. */
  readonly dir: string
  /** The program; see deploy/local/setup/k6.mjs. */
  readonly k6: string
}

export type K6Result = { readonly passed: boolean; readonly summaryFile: string }

/** Threads that k6 may use: the machine belongs to what is tested. */
const goThreads = '1'

/** Runs a k6 script with its output on the screen; the summary goes to loadtest/results. Passed = all thresholds held. */
export async function runK6({ script, settings, dir, k6 }: K6Run): Promise<K6Result> {
  const results = path.join(checkoutRoot, 'loadtest/results')
  mkdirSync(results, { recursive: true })
  const settingsFile = path.join(dir, `${script}.json`)
  writeFileSync(settingsFile, JSON.stringify(settings), { mode: 0o600 })
  const summaryFile = path.join(results, `k6-${script}.json`)
  const args = [
    'run',
    '--no-usage-report',
    '--quiet',
    '--env',
    `SETTINGS=${settingsFile}`,
    '--env',
    `SUMMARY=${summaryFile}`,
  ]
  const launch = { command: k6, args: [...args, path.join(checkoutRoot, 'loadtest/k6', `${script}.js`)] }
  const child = spawn(...commandFor(launch, 'SIGKILL'), {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, GOMAXPROCS: goThreads },
  })
  const [code] = await once(child, 'exit')
  return { passed: code === 0, summaryFile }
}
