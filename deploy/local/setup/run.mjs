import { spawn } from 'node:child_process'

const HEARTBEAT_MS = 10_000

/**
 * Runs a command to its end and gives what it printed. Rejects when it cannot be started.
 *
 * @param {string} command @param {string[]} args
 * @returns {Promise<{ code: number, output: string }>}
 */
export function capture(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.on('data', (data) => (output += data))
    child.stderr.on('data', (data) => (output += data))
    child.on('error', reject)
    child.on('close', (code) => resolve({ code: code ?? 1, output }))
  })
}

/**
 * Runs a long command with its own output on the screen, and says every ten seconds that it is still at work: a download without a
 * terminal prints nothing for minutes. Gives whether it ended well.
 *
 * @param {{ title: string, command: string, args: string[], cwd?: string, say: (line: string) => void }} options
 * @returns {Promise<boolean>}
 */
export async function runVisibly({ title, command, args, cwd, say }) {
  const started = Date.now()
  const seconds = () => Math.round((Date.now() - started) / 1000)
  say(`${title} …`)
  const heartbeat = setInterval(() => say(`${title} … ${seconds()} s`), HEARTBEAT_MS)
  try {
    const code = await new Promise((resolve, reject) => {
      // Standard output belongs to the task that follows (its answer may be piped), so a tool's chatter goes to standard error.
      const child = spawn(command, args, { cwd, stdio: ['ignore', 2, 2] })
      child.on('error', reject)
      child.on('exit', (exit) => resolve(exit ?? 1))
    })
    if (code === 0) say(`${title}: done in ${seconds()} s`)
    return code === 0
  } finally {
    clearInterval(heartbeat)
  }
}
