import { readFileSync } from 'node:fs'

/** The environment does not describe a process that can start; `problems` has one sentence for each thing to mend. */
export class ConfigError extends Error {
  readonly code = 'config_invalid'
  readonly hint = 'Set the variables named above and start again.'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(
      `The environment has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`,
    )
    this.name = 'ConfigError'
    this.problems = problems
  }
}

type Fallback<T> = { readonly default?: T }
type Range = { readonly min?: number; readonly max?: number }

/** Reads single variables. Without a default a variable is required; a problem is noted and reading goes on. */
export type EnvReader = {
  text(name: string, options?: Fallback<string>): string
  /** Undefined when not set. */
  optional(name: string): string | undefined
  /** `NAME`, or the content of the file that `NAME_FILE` names, without its last line end. */
  secret(name: string, options?: Fallback<string>): string
  integer(name: string, options?: Fallback<number> & Range): number
  flag(name: string, options: { readonly default: boolean }): boolean
  url(name: string, options?: Fallback<string>): string
  /** Comma-separated, at least one item. */
  list(name: string, options?: Fallback<readonly string[]>): string[]
  choice<const T extends string>(name: string, values: readonly T[], options?: Fallback<NoInfer<T>>): T
  /** Comma-separated, each one of `values`, none twice. */
  choices<const T extends string>(name: string, values: readonly T[], options?: Fallback<readonly NoInfer<T>[]>): T[]
}

/**
 * Builds a configuration from the environment, once, at start. Throws ConfigError with every problem, not only the
 * first one. Values never appear in the problems, since some are secret.
 */
export function readEnv<T>(build: (read: EnvReader) => T, env: NodeJS.ProcessEnv = process.env): T {
  const problems: string[] = []
  const config = build(createReader(env, problems))
  if (problems.length > 0) throw new ConfigError(problems)
  return config
}

function createReader(env: NodeJS.ProcessEnv, problems: string[]): EnvReader {
  /** The value that `parse` makes of the variable; `placeholder` after a problem (the build goes on to find others). */
  function read<T>(name: string, fallback: T | undefined, placeholder: T, parse: (raw: string) => T | Problem): T {
    const raw = env[name]?.trim()
    if (raw === undefined || raw === '') {
      if (fallback !== undefined) return fallback
      problems.push(`${name} is not set`)
      return placeholder
    }
    const value = parse(raw)
    if (!(value instanceof Problem)) return value
    problems.push(`${name} ${value.text}`)
    return placeholder
  }
  const splitList = (raw: string): string[] => raw.split(',').flatMap((item) => item.trim() || [])

  return {
    text: (name, options) => read(name, options?.default, '', (raw) => raw),
    optional: (name) => env[name]?.trim() || undefined,
    secret(name, options) {
      const file = env[`${name}_FILE`]?.trim()
      if (!file) return read(name, options?.default, '', (raw) => raw)
      try {
        return readFileSync(file, 'utf8').replace(/\r?\n$/, '')
      } catch (error) {
        problems.push(`${name}_FILE names a file that cannot be read (${(error as NodeJS.ErrnoException).code})`)
        return ''
      }
    },
    integer: (name, { default: fallback, min = 0, max = Number.MAX_SAFE_INTEGER } = {}) =>
      read(name, fallback, min, (raw) => {
        const value = /^-?\d+$/.test(raw) ? Number(raw) : Number.NaN
        return value >= min && value <= max ? value : new Problem(`must be a whole number from ${min} to ${max}`)
      }),
    flag: (name, options) =>
      read(name, options.default, false, (raw) =>
        raw === 'true' ? true : raw === 'false' ? false : new Problem('must be true or false'),
      ),
    url: (name, options) =>
      read(name, options?.default, '', (raw) => (URL.canParse(raw) ? raw : new Problem('must be a URL'))),
    list: (name, options) =>
      read<string[]>(name, options?.default && [...options.default], [], (raw) => {
        const items = splitList(raw)
        return items.length > 0 ? items : new Problem('must name at least one item')
      }),
    choice: (name, values, options) =>
      read(name, options?.default, values[0]!, (raw) => {
        const value = values.find((candidate) => candidate === raw)
        return value ?? new Problem(`must be one of ${values.join(', ')}`)
      }),
    choices: <const T extends string>(name: string, values: readonly T[], options?: Fallback<readonly NoInfer<T>[]>) =>
      read<T[]>(name, options?.default && [...options.default], [], (raw) => {
        const items = splitList(raw)
        const known = values.filter((value) => items.includes(value))
        return items.length > 0 && known.length === items.length
          ? known
          : new Problem(`must be a list of ${values.join(', ')}, none twice`)
      }),
  }
}

class Problem {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}
