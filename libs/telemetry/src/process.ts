import { hostname } from 'node:os'
import { type EnvReader, readEnv } from './config.ts'
import { createLogger, type Logger, logLevels } from './logger.ts'

export type ServiceContext = {
  readonly log: Logger
  /** Name of this process among those of its service: `MILLRACE_INSTANCE`, else host name and process id. */
  readonly instance: string
  /** Aborted when the process should drain: on SIGTERM, SIGINT or `fail`. */
  readonly stopping: AbortSignal
  /** Resolves when the process should drain. */
  stopped(): Promise<void>
  /** Asks for a drain and makes the exit code 1: for failures that are noticed outside of `main`. */
  fail(error: Error): void
}

export type ServiceOptions = {
  readonly service: string
  /**
   * The service's story: read the configuration, connect, start, `await context.stopped()`, drain. The process ends when
   * it settles: 0 when it resolves, 1 when it rejects or `fail` was called.
   */
  main(context: ServiceContext): Promise<void>
}

/**
 * Runs a service to its end. SIGTERM and SIGINT ask `main` to drain and have `MILLRACE_DRAIN_MS` (30 s) for it; a second
 * signal or the end of that time ends the process with code 1. An error nobody caught is logged and ends it with 1.
 */
export async function runService({ service, main }: ServiceOptions): Promise<never> {
  const { instance, level, drainMs } = readOrExit((read) => ({
    instance: read.text('MILLRACE_INSTANCE', { default: `${hostname()}-${process.pid}` }),
    level: read.choice('MILLRACE_LOG_LEVEL', logLevels, { default: 'info' }),
    drainMs: read.integer('MILLRACE_DRAIN_MS', { default: 30_000, min: 1 }),
  }))
  const log = createLogger({ service, instance, level })
  const abort = new AbortController()
  let failed = false

  const stop = (why: string): void => {
    if (abort.signal.aborted) {
      log.fatal({ why }, 'ending without drain')
      process.exit(1)
    }
    log.info({ why }, 'draining')
    setTimeout(() => {
      log.fatal({ drainMs }, 'drain took too long')
      process.exit(1)
    }, drainMs).unref()
    abort.abort()
  }
  process.on('SIGTERM', () => stop('SIGTERM'))
  process.on('SIGINT', () => stop('SIGINT'))
  const crash = (err: unknown): never => {
    log.fatal({ err }, 'uncaught error')
    process.exit(1)
  }
  process.on('uncaughtException', crash)
  process.on('unhandledRejection', crash)
  logWarnings(log)

  const context: ServiceContext = {
    log,
    instance,
    stopping: abort.signal,
    stopped: () =>
      new Promise((resolve) => {
        if (abort.signal.aborted) return resolve()
        abort.signal.addEventListener('abort', () => resolve(), { once: true })
      }),
    fail(err) {
      log.error({ err }, 'failed')
      failed = true
      if (!abort.signal.aborted) stop('failure')
    },
  }
  try {
    log.info({ node: process.version, pid: process.pid }, 'starting')
    await main(context)
    log.info('ended')
  } catch (err) {
    log.fatal({ err }, 'failed')
    failed = true
  }
  process.exit(failed ? 1 : 0)
}

function readOrExit<T>(build: (read: EnvReader) => T): T {
  try {
    return readEnv(build)
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`)
    process.exit(1)
  }
}

/** Node's warnings become log lines, but for one that kafkajs causes many times a second and that means nothing. */
function logWarnings(log: Logger): void {
  process.removeAllListeners('warning')
  process.on('warning', (warning) => {
    // kafkajs sets timers for moments that have passed: https://github.com/tulios/kafkajs/issues/1751
    if (warning.name === 'TimeoutNegativeWarning') return
    log.warn({ warning }, 'warning of the runtime')
  })
}
