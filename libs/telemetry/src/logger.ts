import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino'
import { redactRecord, redactText, redactValue } from './redact.ts'

export type Logger = PinoLogger
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

export type LoggerOptions = {
  readonly service: string
  /** Name of this process among those of its service. */
  readonly instance: string
  readonly level: LogLevel
  /** Where lines go; standard output, written synchronously, when left out. */
  readonly destination?: DestinationStream
}

/**
 * A logger of one JSON object a line. Everything logged, child bindings and messages included, passes `redactValue`;
 * secrets named as such and credentials inside text never reach the destination. Children carry `run`, `sync`,
 * `project`, `partition`: `log.child({ run: runId })`. Values of rows belong at `debug` or lower.
 */
export function createLogger(options: LoggerOptions): Logger {
  const logger = pino(
    {
      level: options.level,
      base: { service: options.service, instance: options.instance },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: redactRecord },
      // `redactRecord` has made a plain record of an error already; pino's own serializer would take it for one.
      serializers: { err: (err: unknown) => err },
      hooks: {
        logMethod(args, method) {
          method.apply(this, safeArguments(args))
        },
      },
    },
    options.destination ?? pino.destination({ fd: 1, sync: true }),
  )
  return withSafeChildren(logger)
}

type LogArguments = [obj: unknown, msg?: string, ...args: unknown[]]

/** `formatters.log` sees the logged object only; message and its interpolated values are made safe here. */
function safeArguments(args: readonly unknown[]): LogArguments {
  const [first, ...rest] = args
  if (typeof first === 'string') return [redactText(first), ...rest.map(redactValue)] as LogArguments
  const object = first instanceof Error ? { err: first } : first
  if (rest[0] === undefined) {
    const err = (object as { err?: unknown } | null)?.err
    // pino takes the error's own text when there is no message.
    if (err instanceof Error) return [object, redactText(err.message)] as LogArguments
  }
  return [object, ...rest.map(redactValue)] as LogArguments
}

/** pino does not pass the bindings of grandchildren through formatters, so children are redacted where they are made. */
function withSafeChildren(logger: Logger): Logger {
  const child = logger.child
  logger.child = function safeChild(this: Logger, bindings, options) {
    return child.call(this, redactRecord(bindings), options)
  } as Logger['child']
  return logger
}
