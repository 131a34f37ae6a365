import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import path from 'node:path'

export type ProjectLimits = {
  /** Records in a request. */
  readonly batchRecordsMax: number
  /** Bytes of a request's body, uncompressed. */
  readonly batchBytesMax: number
  /** Records a second over all requests; null = as many as come. */
  readonly recordsPerSecond: number | null
}

export const defaultLimits: ProjectLimits = {
  batchRecordsMax: 2000,
  batchBytesMax: 10 * 1024 * 1024,
  recordsPerSecond: null,
}

export type ProjectSettings = {
  readonly projectId: string
  readonly token: string
  readonly serviceAccounts: readonly { readonly username: string; readonly secretHash: string }[]
  readonly limits: ProjectLimits
}

const fileName = 'project.json'

/** Replaces a project's settings in its folder; on disk when it returns. */
export function saveSettings(dir: string, settings: ProjectSettings): void {
  const draft = path.join(dir, `${fileName}.draft`)
  const fd = openSync(draft, 'w', 0o600)
  writeSync(fd, JSON.stringify(settings, null, 2))
  fsyncSync(fd)
  closeSync(fd)
  renameSync(draft, path.join(dir, fileName))
  const folder = openSync(dir, 'r')
  fsyncSync(folder)
  closeSync(folder)
}

/** Null for a folder whose project was never finished. */
export function loadSettings(dir: string): ProjectSettings | null {
  try {
    return JSON.parse(readFileSync(path.join(dir, fileName), 'utf8')) as ProjectSettings
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}
