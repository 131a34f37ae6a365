import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { checkoutRoot } from '@millrace/local-stack/servers/installed-tools.ts'
import { identify, isRunning, type ProcessIdentity } from '@millrace/local-stack/servers/process-record.ts'
import { until } from '@millrace/local-stack/servers/until.ts'
import { readStackRecord, type StackRecord } from '@millrace/local-stack/stack-record.ts'
import { stackHolder } from '@millrace/local-stack/stack-state.ts'

// `npm start` as a person and a terminal treat it. No end of it, orderly or not, leaves a process behind.

const patience = { timeoutMs: 90_000 }
const millrace = path.join(checkoutRoot, 'deploy/local/millrace.mjs')

/** What `npm start` starts, in a state folder of its own: all servers and one service. */
type Started = {
  readonly launcher: ChildProcess
  readonly record: StackRecord
  /** The stack's own process, and every server and service. */
  readonly processes: readonly ProcessIdentity[]
}

const dirs: string[] = []
const everything: ProcessIdentity[] = []
after(() => {
  for (const each of everything) if (isRunning(each)) process.kill(each.pid, 'SIGKILL')
  for (const dir of dirs) rmSync(dir, { recursive: true, force: true })
})

function newDir(): string {
  const dir = mkdtempSync(path.join(tmpdir(), 'millrace-start-'))
  dirs.push(dir)
  return dir
}

async function start(dir: string): Promise<Started> {
  // A group of its own: what a terminal sends to its foreground must not reach the tests.
  const launcher = spawn(process.execPath, [millrace, 'start'], {
    env: { ...process.env, MILLRACE_STACK_DIR: dir, MILLRACE_STACK_SERVICES: 'control-api' },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  everything.push(identify(launcher.pid!)!)
  let said = ''
  for (const stream of [launcher.stdout, launcher.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
  }
  const record = await until(
    () => {
      if (launcher.exitCode !== null) return 'ended'
      return readStackRecord(dir)
    },
    { ...patience, what: 'the stack' },
  )
  if (record === 'ended') assert.fail(`npm start ended with ${launcher.exitCode}:\n${said}`)
  const holder = stackHolder(dir)
  assert.ok(holder)
  const children = record.processes.map(({ name, pid }) => identify(pid) ?? assert.fail(`${name} does not run`))
  const processes = [holder, ...children]
  everything.push(...processes)
  assert.equal(processes.length, 6)
  return { launcher, record, processes }
}

async function allEnded({ processes }: Started): Promise<void> {
  await until(() => !processes.some(isRunning), { ...patience, what: 'the end of every process' })
}

const portsIn = (dir: string): number[] => Object.values(JSON.parse(readFileSync(path.join(dir, 'ports.json'), 'utf8')))

test('two checkouts run side by side; Ctrl-C ends one of them in order and leaves no process of it', async () => {
  const [firstDir, secondDir] = [newDir(), newDir()]
  const [first, second] = await Promise.all([start(firstDir), start(secondDir)])
  const ports = [...portsIn(firstDir), ...portsIn(secondDir)]
  assert.equal(new Set(ports).size, ports.length)
  for (const { record } of [first, second]) assert.equal((await fetch(record.addresses.docs)).status, 200)

  const ended = once(first.launcher, 'exit')
  process.kill(-first.launcher.pid!, 'SIGINT')
  assert.deepEqual(await ended, [0, null])
  await allEnded(first)

  assert.ok(second.processes.every(isRunning))
  const killed = once(second.launcher, 'exit')
  process.kill(second.processes[0]!.pid, 'SIGKILL')
  assert.deepEqual(await killed, [137, null])
  await allEnded(second)
})

test('a stack whose launcher is killed ends by itself, and starts again on its ports', async () => {
  const dir = newDir()
  const first = await start(dir)
  const ports = portsIn(dir)
  first.launcher.kill('SIGKILL')
  await allEnded(first)

  const again = await start(dir)
  assert.deepEqual(portsIn(dir), ports)
  again.launcher.kill('SIGTERM')
  await allEnded(again)
})
