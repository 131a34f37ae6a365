import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const POLL_MS = 500

/** Where downloads shared by all checkouts of this user lie: `MILLRACE_CACHE`, else `~/.cache/millrace`. */
export function cacheDir(env) {
  return path.resolve(env.MILLRACE_CACHE || path.join(homedir(), '.cache/millrace'))
}

/**
 * Gives `<cache>/<name>`, made by `build` when it is not there yet. The folder is built under another name and renamed when whole, so
 * that a folder with its right name is always complete, whatever was killed before; a lock keeps two checkouts from building it twice.
 *
 * @param {{ cache: string, name: string, say: (line: string) => void, build: (dir: string) => Promise<void> }} options
 * @returns {Promise<string>}
 */
export async function cached({ cache, name, say, build }) {
  const target = path.join(cache, name)
  if (existsSync(target)) return target
  await mkdir(cache, { recursive: true })
  return await withLock({ file: `${target}.lock`, say }, async () => {
    if (existsSync(target)) return target
    const draft = await mkdtemp(`${target}.draft-`)
    try {
      await build(draft)
      await rename(draft, target)
    } finally {
      await rm(draft, { recursive: true, force: true })
    }
    return target
  })
}

/**
 * Runs `work` while holding a lock file that names its holder; the lock of a process that is gone is taken over.
 *
 * @template T
 * @param {{ file: string, say: (line: string) => void }} options @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock({ file, say }, work) {
  const mine = `${process.pid}`
  let told = false
  while (!(await take(file, mine))) {
    const holder = await readOrUndefined(file)
    if (holder !== undefined && holder !== '' && !isAlive(Number(holder))) {
      // Renaming first: of two that find the same dead holder only one succeeds, and neither removes the other's new lock.
      const stale = `${file}.stale-${process.pid}`
      await rename(file, stale).catch(ignoreMissing)
      await rm(stale, { force: true })
      continue
    }
    if (!told) say(`waiting for process ${holder ?? '?'} that holds ${file}`)
    told = true
    await sleep(POLL_MS)
  }
  try {
    return await work()
  } finally {
    await rm(file, { force: true })
  }
}

async function take(file, holder) {
  try {
    await writeFile(file, holder, { flag: 'wx' })
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw error
  }
}

function readOrUndefined(file) {
  return readFile(file, 'utf8').catch(ignoreMissing)
}

function ignoreMissing(error) {
  if (error.code !== 'ENOENT') throw error
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}
