import { MillraceError } from '@millrace/domain/errors.ts'
import { WarehouseError, type WarehouseErrorCode } from '../warehouse-error.ts'
import type { SnowflakeOptions } from './options.ts'

type Names = Pick<SnowflakeOptions, 'user' | 'role' | 'warehouse' | 'database'>
type Told = readonly [code: WarehouseErrorCode, message: string, hint: string]
type Rule = {
  /** Numbers of Snowflake's errors; none = told by the form alone. */
  readonly codes?: readonly string[]
  readonly form?: RegExp
  readonly told: (names: Names) => Told
}

const keyRefused = '390144'
const checkKey = 'Run the ALTER USER statement that was shown with the key again, and test the connection.'
const lost: Told = ['connection_lost', 'The connection to Snowflake was lost.', 'It is tried again.']

/** The session, or what it is renewed with, is not known any more; the last two are the SDK's own words for that. */
const sessionEnded = ['390104', '390110', '390111', '390112', '390113', '390114', '390195', '407001', '407002']

/**
 * What Snowflake's errors mean here, first fit first. Snowflake's own words are never shown: they can hold values of rows. They only
 * serve to tell cases apart that share a number.
 */
const rules: readonly Rule[] = [
  {
    codes: [keyRefused],
    form: /expired|issue[ _]?time|issued/i,
    told: () => [
      'authentication_failed',
      'Snowflake takes the login token for expired.',
      'The clock of the machine on which Millrace runs is wrong: an operator sets it right.',
    ],
  },
  {
    codes: [keyRefused],
    told: ({ user }) => [
      'authentication_failed',
      `Snowflake does not accept the key of the user ${user}: it has another public key, or none.`,
      checkKey,
    ],
  },
  {
    codes: ['390100'],
    told: () => ['authentication_failed', 'User name or password is wrong.', 'Check user and password.'],
  },
  {
    codes: ['390101', '390102', '390106', '390913'],
    told: ({ user }) => [
      'authentication_failed',
      `The user ${user} is disabled or locked.`,
      'Enable it: ALTER USER … SET DISABLED = FALSE.',
    ],
  },
  {
    codes: ['394507', '394508', '394509'],
    told: () => [
      'authentication_failed',
      'Snowflake asks for a second factor, which Millrace has not.',
      'Use key-pair authentication: passwords alone are for users of TYPE = LEGACY_SERVICE.',
    ],
  },
  {
    codes: ['390422', '390420', '390429'],
    told: () => [
      'permission_denied',
      'A network policy of the account does not let Millrace in.',
      'Add the addresses of this installation to the network policy of the user or the account.',
    ],
  },
  {
    codes: ['390189', '390186'],
    told: ({ role, user }) => [
      'permission_denied',
      `The role ${role} does not exist, or the user may not take it.`,
      `Run: GRANT ROLE ${role} TO USER ${user};`,
    ],
  },
  {
    codes: sessionEnded,
    told: () => ['connection_lost', 'The session has ended.', 'It is tried again.'],
  },
  {
    codes: ['000606', '000608', '390201'],
    form: /warehouse/i,
    told: ({ warehouse, role }) => [
      'permission_denied',
      `No warehouse is at work: ${warehouse} is suspended and may not be resumed, does not exist, or may not be used.`,
      `Run: GRANT USAGE ON WAREHOUSE ${warehouse} TO ROLE ${role}; ALTER WAREHOUSE ${warehouse} SET AUTO_RESUME = TRUE;`,
    ],
  },
  {
    form: /warehouse .*(suspended|cannot be resumed|resource monitor)|resource monitor .*exceeded/i,
    told: ({ warehouse }) => [
      'server_unavailable',
      `The warehouse ${warehouse} is suspended and cannot be resumed.`,
      `Run: ALTER WAREHOUSE ${warehouse} RESUME; if a resource monitor has stopped it, raise its quota.`,
    ],
  },
  {
    form: /unload to an inlined external location/i,
    told: () => [
      'permission_denied',
      'The account does not let Millrace unload to a location that is named in the statement.',
      'Run: ALTER ACCOUNT SET PREVENT_UNLOAD_TO_INLINE_URL = FALSE; see Snowflake’s documentation of the setting first.',
    ],
  },
  {
    codes: ['000604', '604'],
    told: () => ['statement_timeout', 'The statement was ended by a person or a rule.', 'It is tried again.'],
  },
  {
    codes: ['000630', '630', '000621'],
    told: () => [
      'statement_timeout',
      'The statement ran longer than the account or the warehouse allows.',
      'Raise STATEMENT_TIMEOUT_IN_SECONDS, take a larger warehouse, or sync views of smaller parts.',
    ],
  },
  {
    form: /stream .*stale|has become stale|base table .*(dropped|cannot be (read|accessed))|cannot read from stream/is,
    told: () => [
      'resync_required',
      'The stream that follows the table is stale, or the table behind it is another one.',
      'Resync: the table is sent as a whole, and what older runs have loaded is removed.',
    ],
  },
  {
    form: /change[ _]tracking/i,
    told: () => [
      'mode_not_supported',
      'Change tracking is not turned on.',
      'The owner of the table runs: ALTER TABLE … SET CHANGE_TRACKING = TRUE;',
    ],
  },
  {
    codes: ['003001', '3001'],
    told: ({ role }) => [
      'permission_denied',
      `The role ${role} may not do this.`,
      'Test the connection: it says which grant is missing. See docs/warehouses/snowflake.md.',
    ],
  },
  {
    codes: ['002003', '2003', '002043', '2043'],
    told: ({ role }) => [
      'table_not_found',
      'What was asked for does not exist, or the role may not see it.',
      `Check the names, and the grants of ${role}: see docs/warehouses/snowflake.md.`,
    ],
  },
  {
    codes: ['002002', '2002'],
    told: () => ['snapshot_conflict', 'Another attempt of the run has made this already.', 'It is tried again.'],
  },
  {
    codes: ['000904', '904', '002025'],
    told: () => [
      'query_failed',
      'A column is not there any more.',
      'It was dropped or renamed: test the sync’s table with a preview.',
    ],
  },
  {
    codes: ['000625', '000626', '000690'],
    told: () => ['snapshot_conflict', 'Others held what the statement needed.', 'It is tried again.'],
  },
  {
    form: /exceeds? (the )?max(imum)? (lob )?(size|length)|max LOB size/i,
    told: () => [
      'row_too_large',
      'A value is longer than Snowflake builds.',
      'Sync a view that leaves the longest column out, or cuts it.',
    ],
  },
]

const lostCodes: ReadonlySet<string> = new Set([
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ECONNREFUSED',
  'ENOTFOUND',
  'ECONNABORTED',
  'ERR_NETWORK',
  // The SDK's own: no connection, no answer, lost parts of results, a connection that has ended.
  '401001',
  '401002',
  '401003',
  '402001',
  '402002',
  '405503',
])

type SdkError = { readonly code?: unknown; readonly message?: unknown; readonly sqlState?: unknown }

/** Any error of SDK, service or network as one that callers can act on. Errors of ours pass as they are. */
export function snowflakeError(error: unknown, names: Names): MillraceError {
  for (let each = error, depth = 0; each instanceof Error && depth < 5; each = each.cause, depth++) {
    if (each instanceof MillraceError) return each
  }
  const code = codeOf(error)
  return new WarehouseError(...toldOf(code, textOf(error), names), { cause: code })
}

function toldOf(code: string, text: string, names: Names): Told {
  const rule = rules.find(({ codes, form }) => (codes?.includes(code) ?? true) && (form?.test(text) ?? true))
  if (rule !== undefined) return rule.told(names)
  if (lostCodes.has(code)) return lost
  return [
    'query_failed',
    `Snowflake refused the statement${/^[0-9]{3,6}$/.test(code) ? ` (${code})` : ''}.`,
    'A column may have been dropped or renamed: test the sync’s table with a preview.',
  ]
}

export function isSessionEnded(error: unknown): boolean {
  return sessionEnded.includes(codeOf(error))
}

export function isKeyRefused(error: unknown): boolean {
  return codeOf(error) === keyRefused
}

/** The number of an error that Snowflake told, also after it was told in our words. */
export function causeOf(error: unknown): string {
  return error instanceof WarehouseError && typeof error.cause === 'string' ? error.cause : codeOf(error)
}

function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as SdkError
  return code === undefined ? '' : String(code)
}

function textOf(error: unknown): string {
  const { message } = (error ?? {}) as SdkError
  return typeof message === 'string' ? message : ''
}
