#!/usr/bin/env node
// The one entry of every npm script. Plain JavaScript, so that the Node which the machine already has (20 or newer) can run it before
// anything is installed: it sets up what is missing, then hands over to the pinned Node 24 of node_modules.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { cacheDir } from './setup/cache.mjs'
import { installK6 } from './setup/k6.mjs'
import { setUp } from './setup/set-up.mjs'
import { SetupError } from './setup/setup-error.mjs'
import { installSpark } from './setup/spark.mjs'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')

/** Task → the program that node_modules/.bin/node runs, and whether it needs Kafka, the registry and Redis on this machine. */
const TASKS = {
  setup: { needs: 'everything' },
  'setup:spark': { needs: 'everything', spark: true },
  check: { program: 'deploy/local/src/check-main.ts', needs: 'dependencies' },
  test: { program: 'deploy/local/src/test-main.ts', needs: 'everything' },
  start: { program: 'deploy/local/src/stack-main.ts', args: ['start'], needs: 'everything' },
  stack: { program: 'deploy/local/src/stack-main.ts', needs: 'everything' },
  demo: { program: 'deploy/local/src/demo-main.ts', needs: 'everything' },
  chaos: { program: 'tests/src/chaos-main.ts', needs: 'everything' },
  soak: { program: 'tests/src/chaos-main.ts', args: ['--minutes', '60'], needs: 'everything' },
  'verify:matrix': { program: 'tests/src/matrix/matrix-main.ts', needs: 'everything' },
  'verify:mirror': { program: 'tests/src/mirror/verify-main.ts', needs: 'everything' },
  bench: { program: 'loadtest/src/bench-main.ts', needs: 'everything' },
  loadtest: { program: 'loadtest/src/loadtest-main.ts', needs: 'everything', k6: true },
}

async function main() {
  const [name, ...rest] = process.argv.slice(2)
  const task = Object.hasOwn(TASKS, name ?? '') ? TASKS[name] : undefined
  if (task === undefined) {
    console.error(`usage: node deploy/local/millrace.mjs <${Object.keys(TASKS).join('|')}> [arguments]`)
    return 2
  }
  await setUp({ root, needs: task.needs, say: (line) => console.error(line) })
  // Half a gigabyte that only the stand-in for Databricks needs.
  if (task.spark || rest.includes('databricks'))
    await installSpark({ root, cache: cacheDir(process.env), say: (line) => console.error(line) })
  if (task.program === undefined) return 0
  if (!existsSync(path.join(root, task.program))) {
    throw new SetupError(
      `The task "${name}" has no program: ${task.program} does not exist.`,
      'git status; git checkout -- deploy loadtest',
    )
  }
  if (task.k6) {
    process.env.MILLRACE_K6 = await installK6({
      cache: cacheDir(process.env),
      say: (line) => console.error(line),
      env: process.env,
    })
  }
  return await handOver(path.join(root, task.program), [...(task.args ?? []), ...rest])
}

/** Runs the program on the pinned Node and gives its exit code; a signal to this process goes on to it, and it decides when to end. */
function handOver(program, args) {
  const bin = path.join(root, 'node_modules/.bin')
  const env = { ...process.env, PATH: `${bin}${path.delimiter}${process.env.PATH ?? ''}` }
  const node = [path.join(bin, 'node'), '--disable-warning=TimeoutNegativeWarning', program, ...args]
  // setpriv (util-linux) lets the kernel end the program in order when this process is killed.
  const setpriv = ['/usr/bin/setpriv', '/bin/setpriv'].find((file) => existsSync(file))
  const [command, ...rest] = setpriv === undefined ? node : [setpriv, '--pdeathsig', 'TERM', '--', ...node]
  const child = spawn(command, rest, {
    stdio: 'inherit',
    env,
    cwd: process.cwd(),
  })
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  // A terminal sends Ctrl-C to the child by itself.
  process.on('SIGINT', () => {
    if (!process.stdin.isTTY) child.kill('SIGINT')
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code, signal) => resolve(code ?? 128 + (constants.signals[signal] ?? 0)))
  })
}

main().then(
  (code) => {
    process.exitCode = code
  },
  (error) => {
    console.error(error instanceof SetupError ? `\n${error.message}\n\n    ${error.hint}\n` : error)
    process.exitCode = 1
  },
)
