import { existsSync } from 'node:fs'
import { readdir, readFile, readlink } from 'node:fs/promises'
import path from 'node:path'
import { withLock } from './cache.mjs'
import { runVisibly } from './run.mjs'
import { SetupError } from './setup-error.mjs'

/**
 * Runs `npm ci` when node_modules is absent or is not what package-lock.json asks for. A node_modules that a running process uses is
 * never taken away under it.
 *
 * @param {{ root: string, say: (line: string) => void }} options
 */
export async function installDependencies({ root, say }) {
  if (await isInstalled(root)) return
  await withLock({ file: path.join(root, '.npm-ci.lock'), say }, async () => {
    if (await isInstalled(root)) return
    const users = await processesUsing(path.join(root, 'node_modules'))
    if (users.length > 0) {
      throw new SetupError(
        `node_modules is not what package-lock.json asks for, and is in use by process ${users.join(', ')}.`,
        'npm run stack -- down    (or end these processes), then try again',
      )
    }
    const done = await runVisibly({
      title: 'Installing npm packages',
      command: 'npm',
      args: ['ci', '--no-audit', '--no-fund'],
      cwd: root,
      say,
    })
    if (!done || !(await isInstalled(root)))
      throw new SetupError('npm could not install the packages; its reason is above.', 'npm ci')
  })
}

/** Whether node_modules holds each package at the version and integrity of package-lock.json. */
export async function isInstalled(root) {
  const wanted = await readLock(path.join(root, 'package-lock.json'))
  const present = await readLock(path.join(root, 'node_modules/.package-lock.json'))
  if (wanted === undefined) throw new SetupError('package-lock.json is missing.', 'git checkout -- package-lock.json')
  if (present === undefined) return false
  return Object.entries(wanted.packages).every(([key, entry]) => {
    if (!key.startsWith('node_modules/')) return true
    const found = present.packages[key]
    if (found === undefined) return entry.optional === true || entry.devOptional === true || entry.peer === true
    return (
      found.link === entry.link &&
      found.version === entry.version &&
      found.integrity === entry.integrity &&
      existsSync(path.join(root, key))
    )
  })
}

async function readLock(file) {
  const text = await readFile(file, 'utf8').catch((error) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  return text === undefined ? undefined : JSON.parse(text)
}

/** The processes whose program lies in `folder`, where the system shows it (Linux). */
async function processesUsing(folder) {
  const names = await readdir('/proc').catch(() => [])
  const found = []
  for (const name of names.filter((entry) => /^\d+$/.test(entry))) {
    // Processes of other users, or that end meanwhile, cannot be read: they are not ours to protect.
    const program = await readlink(`/proc/${name}/exe`).catch(() => '')
    if (program.startsWith(folder + path.sep)) found.push(Number(name))
  }
  return found
}
