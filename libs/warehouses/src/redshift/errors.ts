import { MillraceError } from '@millrace/domain/errors.ts'
import { WarehouseError, type WarehouseErrorCode } from '../warehouse-error.ts'

type Told = readonly [code: WarehouseErrorCode, message: string, hint: string]

const testFirst = 'Test the connection: it says which step is missing. See docs/warehouses/redshift.md.'
const unavailable: Told = ['server_unavailable', 'Redshift is not available at the moment.', 'It is tried again.']
const denied: Told = ['permission_denied', 'The role may not do this.', testFirst]
const noPlace: Told = [
  'database_not_found',
  'There is no such cluster or workgroup in the region, or no such database in it.',
  'Check region, clusterId or workgroupName, and database.',
]

/** What the SDK's error names mean here. AWS's own words are never shown: those of Redshift can hold values of rows. */
const byName: Readonly<Record<string, Told>> = {
  AccessDenied: denied,
  AccessDeniedException: denied,
  AllAccessDisabled: denied,
  ResourceNotFoundException: noPlace,
  DatabaseConnectionException: noPlace,
  NoSuchBucket: ['table_not_found', 'The staging bucket does not exist.', 'Make it in the region of the cluster.'],
  PermanentRedirect: [
    'options_invalid',
    'The staging bucket is in another region.',
    'Make a bucket in the region of the cluster, and another source with it.',
  ],
  ActiveStatementsExceededException: [
    'server_unavailable',
    'The cluster has as many statements at work as the Data API allows.',
    'It is tried again.',
  ],
  ActiveSessionsExceededException: unavailable,
  ExecuteStatementException: unavailable,
  BatchExecuteStatementException: unavailable,
  InternalServerException: unavailable,
  InternalError: unavailable,
  InternalFailure: unavailable,
  ServiceUnavailable: unavailable,
  ServiceUnavailableException: unavailable,
  SlowDown: unavailable,
  Throttling: unavailable,
  ThrottlingException: unavailable,
  TooManyRequestsException: unavailable,
  QueryTimeoutException: [
    'statement_timeout',
    'The statement ran too long and was ended.',
    'Sync views of smaller parts.',
  ],
  CredentialsProviderError: [
    'authentication_failed',
    'Millrace has no AWS identity of its own.',
    'An operator sets MILLRACE_AWS_ACCESS_KEY_ID, or gives the machine a role.',
  ],
}

const loginNames: ReadonlySet<string> = new Set([
  'InvalidClientTokenId',
  'UnrecognizedClientException',
  'SignatureDoesNotMatch',
  'InvalidAccessKeyId',
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidSignatureException',
  'IncompleteSignature',
])
const loginFailed: Told = [
  'authentication_failed',
  'AWS does not accept the identity of Millrace.',
  'An operator checks the keys, or the role of the machine.',
]
const lost: Told = ['connection_lost', 'The connection to AWS was lost.', 'It is tried again.']
const lostCodes: ReadonlySet<string> = new Set([
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ECONNREFUSED',
  'ENOTFOUND',
  'UND_ERR_SOCKET',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_CONNECT_TIMEOUT',
])

/** Any error of SDK, service or network as one that callers can act on. Errors of ours pass as they are. */
export function awsError(error: unknown): MillraceError {
  const own = ownError(error)
  if (own !== null) return own
  const { name = '', code = '', message = '' } = (error ?? {}) as { name?: string; code?: string; message?: string }
  return new WarehouseError(...toldOf(name, code, message), { cause: name })
}

/** The SDK wraps what the guard throws. */
function ownError(error: unknown): MillraceError | null {
  for (let each = error, depth = 0; each instanceof Error && depth < 5; each = each.cause, depth++) {
    if (each instanceof MillraceError) return each
  }
  return null
}

function toldOf(name: string, code: string, message: string): Told {
  if (loginNames.has(name)) return loginFailed
  const told = byName[name]
  if (told !== undefined) return told
  if (lostCodes.has(code) || /^(TimeoutError|SocketError)$/.test(name)) return lost
  if (name === 'ValidationException' && /not (found|exist)|doesn't exist|does not exist/i.test(message)) return noPlace
  return [
    'query_failed',
    `AWS refused a request${/^[a-zA-Z]{1,60}$/.test(name) ? ` (${name})` : ''}.`,
    'Look the name up in the error lists of the Redshift Data API and S3.',
  ]
}

export function nameOf(error: unknown): string {
  return ((error ?? {}) as { name?: string }).name ?? ''
}

/** A statement that Redshift did not do; the text only serves to tell cases apart. */
export class StatementFailure extends Error {
  readonly status: string
  constructor(status: string, text: string) {
    super(text)
    this.status = status
  }
}

const statementRules: readonly (readonly [form: RegExp, told: Told])[] = [
  [
    /S3ServiceException[\s\S]*(Access ?Denied|status 403)|not authorized to (assume|perform)|UnauthorizedException/i,
    [
      'permission_denied',
      'Redshift may not write into the staging bucket.',
      'Attach a role that may to the cluster or namespace (as its default, or named in iamRoleArn): see docs/warehouses/redshift.md.',
    ],
  ],
  [
    /no default (iam )?role|default iam role/i,
    [
      'permission_denied',
      'The cluster or namespace has no default role, with which Redshift would write into the bucket.',
      'Set one, or name one in iamRoleArn.',
    ],
  ],
  [/NoSuchBucket/i, byName.NoSuchBucket as Told],
  [/permission denied for (relation|table|view|schema|database|language|function)|must be owner of/i, denied],
  [
    /password authentication failed|user .* does not exist|role .* does not exist|not authorized to get/i,
    [
      'authentication_failed',
      'The database does not know the user.',
      'Check dbUser; the user IAMR: and the role’s name is made at the first login.',
    ],
  ],
  [/database .* does not exist/i, noPlace],
  [
    /(relation|table|schema) .* (does not exist|not found)/i,
    ['table_not_found', 'The table or schema does not exist.', 'Check the names, and that it was not dropped.'],
  ],
  [/already exists/i, ['snapshot_conflict', 'Another attempt of the run has made this already.', 'It is tried again.']],
  [
    /serializable isolation violation|deadlock|1023|could not complete because of conflict/i,
    [
      'snapshot_conflict',
      'Redshift ended the statement because of others that ran at the same time.',
      'It is tried again.',
    ],
  ],
  [
    /value too long|exceeds? (the )?(max|limit)|65535|String length exceeds/i,
    [
      'row_too_large',
      'A value or row is longer than Redshift builds: 65,535 bytes.',
      'Sync a view that leaves the longest column out, or cuts it.',
    ],
  ],
  [
    /statement timeout|query cancelled on|aborted by|cancelled/i,
    [
      'statement_timeout',
      'The statement was ended by a limit of the cluster, or by a person.',
      'See query monitoring rules and statement_timeout of the user.',
    ],
  ],
  [
    /disk full|out of memory/i,
    [
      'query_failed',
      'The cluster has no room for this.',
      'Sync views that hold smaller parts of the data, or give the cluster more room.',
    ],
  ],
]

/** A statement's failure in words of ours. */
export function statementError(failure: StatementFailure): WarehouseError {
  const told = statementRules.find(([form]) => form.test(failure.message))?.[1] ?? [
    'query_failed',
    'Redshift refused the statement.',
    'A column may have been dropped or renamed: test the sync’s table with a preview.',
  ]
  return new WarehouseError(...(told as Told), { cause: failure.status })
}
