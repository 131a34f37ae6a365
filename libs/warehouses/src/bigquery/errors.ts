import { MillraceError } from '@millrace/domain/errors.ts'
import { WarehouseError, type WarehouseErrorCode } from '../warehouse-error.ts'

type Told = readonly [code: WarehouseErrorCode, message: string, hint: string]

/**
 * What BigQuery's reasons mean here. Its own words are never shown: they can hold values of rows.
 * https://cloud.google.com/bigquery/docs/error-messages
 */
const byReason: Readonly<Record<string, Told>> = {
  accessDenied: [
    'permission_denied',
    'The service account may not do this.',
    'Test the connection: it says which grant is missing. See docs/warehouses/bigquery.md.',
  ],
  notFound: ['table_not_found', 'The project, dataset or table does not exist.', 'Check the names and the location.'],
  invalidQuery: [
    'query_failed',
    'BigQuery refused the query.',
    'A column may have been dropped or renamed: test the sync’s table with a preview.',
  ],
  quotaExceeded: [
    'server_unavailable',
    'A quota of the project is used up.',
    'See IAM & Admin, Quotas, in the Google Cloud console; the run is tried again.',
  ],
  rateLimitExceeded: ['server_unavailable', 'BigQuery limits how often it is asked.', 'It is tried again.'],
  jobRateLimitExceeded: ['server_unavailable', 'BigQuery limits how often it is asked.', 'It is tried again.'],
  backendError: ['server_unavailable', 'BigQuery has a failure of its own.', 'It is tried again.'],
  internalError: ['server_unavailable', 'BigQuery has a failure of its own.', 'It is tried again.'],
  jobInternalError: ['server_unavailable', 'BigQuery has a failure of its own.', 'It is tried again.'],
  jobBackendError: ['server_unavailable', 'BigQuery has a failure of its own.', 'It is tried again.'],
  tableUnavailable: ['server_unavailable', 'The table is not available at the moment.', 'It is tried again.'],
  resourcesExceeded: [
    'query_failed',
    'The query needs more resources than BigQuery gives it.',
    'Sync a view that holds a smaller part of the data.',
  ],
  billingTierLimitExceeded: ['query_failed', 'The query exceeds a limit of the project.', 'Raise the limit.'],
  bytesBilledLimitExceeded: [
    'query_failed',
    'Reading this would cost more than a preview may.',
    'Materialise the view, or make it read fewer bytes.',
  ],
  billingNotEnabled: ['query_failed', 'The project has no billing account.', 'Enable billing for the project.'],
  timeout: [
    'statement_timeout',
    'The query ran longer than 20 hours and was ended.',
    'Sync views that hold smaller parts of the data.',
  ],
  stopped: ['query_failed', 'The job was cancelled in BigQuery.', 'Start the run again.'],
  responseTooLarge: [
    'row_too_large',
    'A row is larger than BigQuery hands out.',
    'Sync a view of the table that leaves its largest column out.',
  ],
}

const byStatus: Readonly<Record<number, string>> = {
  403: 'accessDenied',
  404: 'notFound',
  429: 'rateLimitExceeded',
  500: 'internalError',
  502: 'backendError',
  503: 'backendError',
  504: 'backendError',
}

const loginFailed: Told = [
  'authentication_failed',
  'Google does not accept the key of the service account.',
  'The key may be deleted, disabled or of another service account: make a new one and enter it.',
]

const lost: Told = ['connection_lost', 'The connection to BigQuery was lost.', 'It is tried again.']
const lostCodes: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ECONNREFUSED', 'ENOTFOUND'])

/** An answer of the API that is an error, before it gets our words. */
export class ApiRefusal extends Error {
  readonly status: number
  readonly reason: string
  /** The first words of BigQuery's message only serve to tell cases apart; they are not shown. */
  constructor(status: number, reason: string, message: string) {
    super(message)
    this.status = status
    this.reason = reason
  }
}

/** Any error of SDK, service or network as one that callers can act on. Errors of ours pass as they are. */
export function bigQueryError(error: unknown): MillraceError {
  if (error instanceof MillraceError) return error
  const { status = 0, reason = '', message = '' } = refusalOf(error)
  const told = toldOf(status, reason, message, error)
  return new WarehouseError(...told, { cause: `${status} ${reason}`.trim() })
}

function toldOf(status: number, reason: string, message: string, error: unknown): Told {
  if (status === 401 || /invalid_grant|invalid_client|unauthorized_client|DECODER|asn1/i.test(message))
    return loginFailed
  // A job that ran into jobTimeoutMs ends as stopped, and only its message says why.
  if (reason === 'stopped' && /timeout|timed out/i.test(message)) return byReason.timeout as Told
  const told = byReason[reason] ?? byReason[byStatus[status] ?? '']
  if (told !== undefined) return told
  const code = (error as { code?: unknown } | null)?.code
  if (typeof code === 'string' && lostCodes.has(code)) return lost
  if (/premature close|socket hang up|network/i.test(message)) return lost
  return [
    'query_failed',
    `BigQuery refused a request${/^[a-zA-Z]{1,40}$/.test(reason) ? ` (${reason})` : ''}.`,
    'Look the reason up in BigQuery’s list of error messages.',
  ]
}

/** Status and reason, from an error of ours or of the SDK. */
export function refusalOf(error: unknown): { status?: number; reason?: string; message?: string } {
  if (error instanceof ApiRefusal) return error
  const { code, errors, message } = (error ?? {}) as {
    code?: unknown
    errors?: readonly { reason?: string }[]
    message?: string
  }
  const status =
    typeof code === 'number' ? code : (error as { response?: { status?: number } } | null)?.response?.status
  return { status, reason: errors?.[0]?.reason, message }
}
