import { caBytesMax, caCertificates } from '@millrace/net/ca-bundle.ts'
import { hostNameProblem } from '@millrace/net/host-name.ts'
import { type OptionProblem, pointerPart, problem, type SecretField } from '../option-problem.ts'
import { isRecord } from '../text-fields.ts'

/**
 * How to connect to a Postgres source. A closed set: no connection string, file path, socket or driver setting can come
 * in, whatever they would be good for.
 */
export type PostgresOptions = {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  /** verify-full checks the certificate's chain and name, verify-ca the chain only. There is nothing weaker. */
  readonly sslMode: 'verify-full' | 'verify-ca'
  /** PEM certificates to trust instead of the public authorities. */
  readonly caCertificate?: string
  readonly sshTunnel?: {
    readonly host: string
    readonly port: number
    readonly user: string
    /** `SHA256:…` as ssh-keygen prints it; pinned by the first test of the connection. */
    readonly hostKey?: string
  }
}

const textBytesMax = 255

/** Postgres' own limit of names, in bytes. */
export const nameBytesMax = 63

type Kind = 'host' | 'port' | 'name' | 'sslMode' | 'ca' | 'tunnel' | 'hostKey'
type Field = { readonly kind: Kind; readonly required: boolean; readonly description: string }

const fields: Readonly<Record<string, Field>> = {
  host: { kind: 'host', required: true, description: 'Name or IPv4 address of the server' },
  port: { kind: 'port', required: true, description: 'Usually 5432' },
  database: { kind: 'name', required: true, description: 'Name of the database' },
  user: { kind: 'name', required: true, description: 'A role that may read what is to be synced, and nothing else' },
  sslMode: { kind: 'sslMode', required: true, description: 'verify-full (recommended) or verify-ca' },
  caCertificate: {
    kind: 'ca',
    required: false,
    description: 'PEM certificates of the authority that signed the server’s',
  },
  sshTunnel: { kind: 'tunnel', required: false, description: 'A bastion host to connect through' },
}

const tunnelFields: Readonly<Record<string, Field>> = {
  host: { kind: 'host', required: true, description: 'Name or IPv4 address of the bastion' },
  port: { kind: 'port', required: true, description: 'Usually 22' },
  user: { kind: 'name', required: true, description: 'User on the bastion' },
  hostKey: { kind: 'hostKey', required: false, description: 'Fingerprint of the bastion’s key: SHA256:…' },
}

const secrets: readonly SecretField[] = [
  { name: 'password', label: 'Password', required: true, bytesMax: 1024 },
  { name: 'sshPrivateKey', label: 'Private key for the bastion', required: false, bytesMax: 16 * 1024 },
  { name: 'sshPassphrase', label: 'Passphrase of the private key', required: false, bytesMax: 1024 },
]

/** The options as data, for forms, API schemas and reference pages; `problems` judges a value of them. */
export const postgresOptions = { fields, tunnelFields, secrets, problems: optionProblems, read: readOptions } as const

/** All that is wrong with the options, and with which secrets are there; empty when they can be tried. */
export function optionProblems(options: unknown, secretNames: readonly string[]): readonly OptionProblem[] {
  const problems: OptionProblem[] = []
  checkFields(options, '', fields, problems)
  const tunnel = isRecord(options) && options.sshTunnel !== undefined
  for (const secret of secrets) {
    const needed = secret.required || (secret.name === 'sshPrivateKey' && tunnel)
    if (needed && !secretNames.includes(secret.name)) {
      problems.push(problem(`/secrets/${secret.name}`, 'is missing', `${secret.label} is needed to connect.`))
    }
  }
  for (const name of secretNames) {
    if (!secrets.some((secret) => secret.name === name)) {
      problems.push(
        problem(
          `/secrets/${pointerPart(name)}`,
          'is not known',
          `Known: ${secrets.map((each) => each.name).join(', ')}.`,
        ),
      )
    }
  }
  return problems
}

/** The options, when nothing is wrong with them. */
export function readOptions(options: unknown): PostgresOptions | null {
  const problems: OptionProblem[] = []
  checkFields(options, '', fields, problems)
  return problems.length === 0 ? (options as PostgresOptions) : null
}

function checkFields(
  value: unknown,
  path: string,
  known: Readonly<Record<string, Field>>,
  problems: OptionProblem[],
): void {
  if (!isRecord(value)) {
    problems.push(problem(path, 'must be an object', `With the fields ${Object.keys(known).join(', ')}.`))
    return
  }
  for (const name of Object.keys(value)) {
    if (Object.hasOwn(known, name)) continue
    problems.push(problem(`${path}/${pointerPart(name)}`, 'is not known', `Known: ${Object.keys(known).join(', ')}.`))
  }
  for (const [name, field] of Object.entries(known)) {
    const at = `${path}/${name}`
    const each = Object.hasOwn(value, name) ? value[name] : undefined
    if (each === undefined) {
      if (field.required) problems.push(problem(at, 'is missing', `${field.description}.`))
    } else if (field.kind === 'tunnel') checkFields(each, at, tunnelFields, problems)
    else {
      const wrong = fieldProblem(field.kind, each)
      if (wrong !== null) problems.push(problem(at, wrong, `${field.description}.`))
    }
  }
}

function fieldProblem(kind: Exclude<Kind, 'tunnel'>, value: unknown): string | null {
  if (kind === 'port') {
    return Number.isInteger(value) && (value as number) > 0 && (value as number) < 65_536
      ? null
      : 'must be a port from 1 to 65535'
  }
  if (typeof value !== 'string') return 'must be text'
  if (kind === 'ca') return caProblem(value)
  if (value.length === 0) return 'must not be empty'
  if (Buffer.byteLength(value) > textBytesMax) return `must be at most ${textBytesMax} bytes`
  if (kind === 'host') return hostNameProblem(value)
  if (kind === 'sslMode')
    return value === 'verify-full' || value === 'verify-ca' ? null : 'must be verify-full or verify-ca'
  if (kind === 'hostKey') return /^SHA256:[A-Za-z0-9+/]{43}$/.test(value) ? null : 'must be a fingerprint: SHA256:…'
  if (Buffer.byteLength(value) > nameBytesMax) return `must be at most ${nameBytesMax} bytes`
  return value.includes('\0') ? 'must not hold the NUL character' : null
}

function caProblem(value: string): string | null {
  if (Buffer.byteLength(value) > caBytesMax) return `must be at most ${caBytesMax} bytes`
  try {
    caCertificates(value)
    return null
  } catch (error) {
    return (error as Error).message
  }
}
