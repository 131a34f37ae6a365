import { type OptionProblem, pointerPart, problem, type SecretField } from '../option-problem.ts'
import { type TextField, textFieldProblems } from '../text-fields.ts'
import { accountForm } from './account-host.ts'

/**
 * How to reach Snowflake. A closed set without secrets. The host follows from the account identifier, whose form is checked; names
 * are those that need no quotes, and are taken in upper case as Snowflake takes them.
 */
export type SnowflakeOptions = {
  /** What stands before .snowflakecomputing.com: `myorg-account123`. */
  readonly accountIdentifier: string
  readonly user: string
  /** `key_pair`: Millrace makes the pair and shows the public key; `password`: for users that may still log in with one. */
  readonly authentication: 'password' | 'key_pair'
  readonly role: string
  /** The virtual warehouse that runs Millrace's statements. */
  readonly warehouse: string
  readonly database: string
  /** A schema that is Millrace's own: rows of a run and the streams of mirrored tables. */
  readonly connectorSchema?: string
}

/** https://docs.snowflake.com/en/sql-reference/identifiers-syntax: names without quotes. */
const nameForm = /^[A-Za-z_][A-Za-z0-9_$]{0,254}$/

const fields: Readonly<Record<keyof SnowflakeOptions, TextField>> = {
  accountIdentifier: {
    required: true,
    description: 'What stands before .snowflakecomputing.com in the URL of the account: myorg-account123',
    form: accountForm,
  },
  user: { required: true, description: 'Name of the user', form: /^[A-Za-z0-9_][A-Za-z0-9_.@$+-]{0,254}$/ },
  authentication: { required: true, description: 'key_pair or password', form: /^(key_pair|password)$/ },
  role: { required: true, description: 'Name of the role', form: nameForm },
  warehouse: { required: true, description: 'Name of the warehouse that runs the statements', form: nameForm },
  database: { required: true, description: 'Name of the database', form: nameForm },
  connectorSchema: {
    required: false,
    description: 'A schema of the database for Millrace alone; default MILLRACE',
    form: nameForm,
  },
}

const secretBytesMax = 16 * 1024
/** Private keys are made by Millrace: the current one, and the next one while keys are rotated. */
const secrets: readonly SecretField[] = [
  { name: 'password', label: 'Password', required: false, bytesMax: 256 },
  { name: 'privateKey', label: 'Private key', required: false, bytesMax: secretBytesMax },
  { name: 'nextPrivateKey', label: 'Next private key', required: false, bytesMax: secretBytesMax },
]

/** The options as data, for forms, API schemas and reference pages; `problems` judges a value of them. */
export const snowflakeOptions = { fields, secrets, problems: optionProblems, read: readOptions } as const

export const connectorSchemaDefault = 'MILLRACE'

/** All that is wrong with the options, and with which secrets are there; empty when they can be tried. */
export function optionProblems(options: unknown, secretNames: readonly string[]): readonly OptionProblem[] {
  const problems = textFieldProblems(options, fields)
  if (problems.length > 0) return problems
  const { authentication } = options as SnowflakeOptions
  const allowed = authentication === 'password' ? ['password'] : ['privateKey', 'nextPrivateKey']
  for (const name of secretNames) {
    if (!allowed.includes(name))
      problems.push(
        problem(`/secrets/${pointerPart(name)}`, 'is not known', `With ${authentication}: ${allowed.join(', ')}.`),
      )
  }
  const needed = allowed[0]!
  if (!secretNames.includes(needed)) {
    const hint =
      needed === 'password'
        ? 'Give the password of the user.'
        : 'Create the source first: Millrace makes its pair of keys then, and shows what to run.'
    problems.push(problem(`/secrets/${needed}`, 'is missing', hint))
  }
  return problems
}

/** The options, when nothing is wrong with them; names as Snowflake has them. */
export function readOptions(options: unknown): Required<SnowflakeOptions> | null {
  if (textFieldProblems(options, fields).length > 0) return null
  const { role, warehouse, database, connectorSchema = connectorSchemaDefault, ...rest } = options as SnowflakeOptions
  return {
    ...rest,
    role: role.toUpperCase(),
    warehouse: warehouse.toUpperCase(),
    database: database.toUpperCase(),
    connectorSchema: connectorSchema.toUpperCase(),
  }
}
