import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { MillraceError } from '@millrace/domain/errors.ts'

export class DataDirInUseError extends MillraceError {
  constructor(dir: string, pid: number) {
    super(
      'data_dir_in_use',
      `Process ${pid} uses the data folder ${dir}.`,
      'One process per data folder: stop the other.',
    )
  }
}

/**
 * Claims a data folder for this process: two would write into one log. A claim of a process that is gone is void. Returns
 * the release. Throws DataDirInUseError.
 */
export function lockDataDir(dir: string): () => void {
  const file = path.join(dir, 'ingestion.pid')
  for (;;) {
    try {
      writeFileSync(file, String(process.pid), { flag: 'wx', mode: 0o600 })
      return () => rmSync(file, { force: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const holder = Number.parseInt(readFileSync(file, 'utf8'), 10)
    if (holder !== process.pid && isIngestion(holder)) throw new DataDirInUseError(dir, holder)
    rmSync(file, { force: true })
  }
}

/** Whether a process is alive and, where that can be seen, one of ours: its number may have been given away since. */
function isIngestion(pid: number): boolean {
  if (!(pid > 0)) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('ingestion')
  } catch {
    return true
  }
}
