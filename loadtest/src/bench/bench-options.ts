import { parseArgs } from 'node:util'
import { type StandInKind, standInKinds } from '../warehouses/stand-in.ts'

export type BenchOptions = {
  /** postgres = the whole chain; the others = reading from a stand-in, and mirror. */
  readonly warehouse: 'postgres' | StandInKind
  readonly rows: number
  readonly seed: number
  /** Rows synced before anything is measured, so that compilers of Node and the JVM are done; 0 = none. */
  readonly warmUp: number
  /** Where the numbers go as JSON. */
  readonly json: string
  /** State folder of the stack; removed before and after. */
  readonly dir: string | undefined
  /** Where each service leaves CPU profiles, in a folder of its name; they cost a quarter of the rate. */
  readonly profile: string | undefined
}

const usage = `npm run bench -- [--warehouse postgres|bigquery|redshift] [--rows 1000000] [--json loadtest/results/bench.json] [--seed 1] [--warm-up 200000] [--dir FOLDER] [--profile FOLDER]

Syncs generated events through the whole stack on this machine, then runs each stage alone and a naive script beside them.
With --warehouse bigquery or redshift: what the extractor alone reads from a stand-in of it, and two mirror runs through the whole chain.
With --profile every process of a service leaves a CPU profile for Chrome's developer tools in FOLDER/<service>.
`

/** Options from the command line; null after --help or a mistake, which is then on the screen. */
export function benchOptions(args: readonly string[], say: (text: string) => void): BenchOptions | null {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        warehouse: { type: 'string', default: 'postgres' },
        rows: { type: 'string', default: '1000000' },
        json: { type: 'string', default: 'loadtest/results/bench.json' },
        seed: { type: 'string', default: '1' },
        'warm-up': { type: 'string', default: '200000' },
        dir: { type: 'string' },
        profile: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    })
    if (values.help) {
      say(usage)
      return null
    }
    return {
      warehouse: warehouseOf(values.warehouse),
      rows: whole('rows', values.rows, 1000),
      seed: whole('seed', values.seed, 0),
      warmUp: whole('warm-up', values['warm-up'], 0),
      json: values.json,
      dir: values.dir,
      profile: values.profile,
    }
  } catch (error) {
    say(`${(error as Error).message}\n\n${usage}`)
    return null
  }
}

function warehouseOf(text: string): BenchOptions['warehouse'] {
  const found = (['postgres', ...standInKinds] as const).find((kind) => kind === text)
  if (found === undefined) throw new Error(`--warehouse must be postgres, ${standInKinds.join(' or ')}`)
  return found
}

function whole(name: string, text: string, min: number): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < min) throw new Error(`--${name} must be a whole number from ${min}`)
  return value
}
