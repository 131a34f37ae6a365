import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '@millrace/telemetry/logger.ts'
import type { DatabasePool } from './index/database-pool.ts'
import type { Projects } from './projects/projects.ts'

/** Failures of a project's background work in a row after which the process gives up and starts anew. */
const failuresMax = 30

/** A database that nobody has used for so long is closed, ms: an open one keeps its share of the memory. */
const idleMs = 5000

export type BackgroundWork = {
  /** Why the process is not well, true when it is. */
  state(): true | string
  /** Waits for the round under way. */
  close(): Promise<void>
}

/** Keeps every project's DuckDB behind its log: a round a tick, failures are tried again. */
export function startBackgroundWork(
  projects: Projects,
  options: { readonly pool: DatabasePool; readonly tickMs: number; readonly log: Logger; fail(error: Error): void },
): BackgroundWork {
  const stopping = new AbortController()
  const failures = new Map<string, number>()

  async function round(): Promise<void> {
    for (const project of projects.all) {
      if (stopping.signal.aborted) return
      try {
        await project.tick()
        failures.delete(project.id)
      } catch (error) {
        const count = (failures.get(project.id) ?? 0) + 1
        failures.set(project.id, count)
        options.log.error({ err: error, project: project.id, count }, 'indexing failed, will be tried again')
        if (count >= failuresMax) options.fail(error as Error)
      }
    }
  }
  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      await round()
      await options.pool
        .closeIdle(idleMs)
        .catch((err: unknown) => options.log.error({ err }, 'closing a database failed'))
      await sleep(options.tickMs, undefined, { signal: stopping.signal }).catch(() => undefined)
    }
  }
  const running = run()
  return {
    state: () => failures.size === 0 || `${failures.size} projects cannot be indexed; see the log`,
    async close() {
      stopping.abort()
      await running
    },
  }
}
