import { MillraceError } from '@millrace/domain/errors.ts'
import { NetError } from '@millrace/net/net-error.ts'
import { WarehouseError, type WarehouseErrorCode } from '../warehouse-error.ts'

type Told = readonly [code: WarehouseErrorCode, message: string, hint: string]

const lost: Told = ['connection_lost', 'The connection to Databricks was lost.', 'It is tried again.']
const starting: Told = [
  'server_unavailable',
  'The cluster is not running: it was stopped or suspended itself, and is starting.',
  'It takes some minutes; try again then.',
]

const byStatus: Readonly<Record<number, Told>> = {
  400: [
    'protocol_error',
    'The workspace did not take a request.',
    'Check httpPath: it is that of an all-purpose cluster.',
  ],
  401: [
    'authentication_failed',
    'The workspace does not accept the token.',
    'Make a new personal access token or OAuth secret: it has expired, was revoked, or is another workspace’s.',
  ],
  403: [
    'permission_denied',
    'Millrace may not use the cluster, or not start it.',
    'Give it CAN ATTACH TO, and CAN RESTART if the cluster suspends itself: Compute, the cluster, Edit permissions.',
  ],
  404: [
    'database_not_found',
    'The workspace has no such cluster.',
    'Take httpPath from Compute, the cluster, Advanced options, JDBC/ODBC: the cluster may have been deleted.',
  ],
  429: ['too_many_connections', 'The workspace takes no more requests at present.', 'It is tried again.'],
  503: starting,
}

const denied: Told = [
  'permission_denied',
  'Millrace may not do this in Databricks.',
  'Grant it USE CATALOG, USE SCHEMA and SELECT; on clusters with table access control also SELECT ON ANY FILE.',
]

/** By the error classes that Databricks and Spark name in brackets, and by what older runtimes say instead. */
const statementRules: readonly (readonly [form: RegExp, told: Told])[] = [
  [
    /INSUFFICIENT_PERMISSIONS|PERMISSION_DENIED|INSUFFICIENT_PRIVILEGES|does not have .{0,40}(privilege|permission)/i,
    denied,
  ],
  [
    /DELTA_VERSION_NOT_FOUND|DELTA_MISSING_CHANGE_DATA|DELTA_CHANGE_DATA_FILE_NOT_FOUND|DELTA_FILE_NOT_FOUND|DELTA_LOG_FILE_NOT_FOUND|DELTA_TRUNCATED_TRANSACTION_LOG|DELTA_CHANGE_DATA_FEED_INCOMPATIBLE|DELTA_CDC_START_VERSION|DELTA_VERSIONS_NOT_CONTIGUOUS|DELTA_TIMESTAMP_|DELTA_BLOCK_COLUMN_MAPPING_AND_CDC|FAILED_READ_FILE|FileNotFoundException|CANNOT_READ_FILE/,
    [
      'pin_lost',
      'A version of the table, or its changes, are gone: vacuumed, past delta.logRetentionDuration, or never recorded.',
      'Sync more often than the table is vacuumed.',
    ],
  ],
  [
    /TABLE_OR_VIEW_NOT_FOUND|SCHEMA_NOT_FOUND|CATALOG_NOT_FOUND|NO_SUCH_(TABLE|SCHEMA|CATALOG)|DELTA_TABLE_NOT_FOUND|DELTA_PATH_DOES_NOT_EXIST|PATH_NOT_FOUND|Catalog .{0,100} not found/i,
    [
      'table_not_found',
      'The table, schema or catalog does not exist.',
      'Check the names, and that it was not dropped.',
    ],
  ],
  [
    /QUERY_EXECUTION_TIMEOUT|STATEMENT_TIMEOUT|OPERATION_TIMED_?OUT|queryTimeout/i,
    ['statement_timeout', 'The statement was ended by a time limit of the workspace.', 'Raise STATEMENT_TIMEOUT.'],
  ],
  [
    /Invalid SessionHandle|INVALID_HANDLE|SESSION_CLOSED|session .{0,60} (expired|closed|not found)/i,
    ['connection_lost', 'The cluster has closed the session.', 'It is tried again.'],
  ],
  [
    /OutOfMemory|maxResultSize|DRIVER_RESULT|executor.{0,40}lost/i,
    ['query_failed', 'The cluster has no room for this.', 'Use a larger cluster, or sync views of smaller parts.'],
  ],
]

const lostCodes: ReadonlySet<string> = new Set([
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_SOCKET',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
])

type DriverError = {
  readonly name?: string
  readonly message?: string
  readonly code?: unknown
  readonly statusCode?: number
  readonly errorCode?: unknown
  readonly response?: {
    readonly errorMessage?: string | null
    readonly displayMessage?: string | null
    readonly sqlState?: string | null
  }
}

/** Any error of the driver, the workspace or the network as one that callers can act on. Errors of ours pass as they are. */
export function databricksError(error: unknown): MillraceError {
  if (error instanceof MillraceError) return error
  const { name = '', message = '', code, statusCode, errorCode, response } = (error ?? {}) as DriverError
  if (statusCode !== undefined)
    return told(byStatus[statusCode] ?? (statusCode >= 500 ? starting : unknown), `HTTP ${statusCode}`)
  if (typeof code === 'string' && /CERT|SELF_SIGNED|UNABLE_TO_(VERIFY|GET)|ERR_TLS/.test(code))
    return new NetError(
      'tls_certificate_invalid',
      'The certificate of the workspace is not one that is trusted.',
      'Check the host.',
      { cause: code },
    )
  if ((typeof code === 'string' && lostCodes.has(code)) || /socket hang up|premature close|timed out/i.test(message))
    return told(lost, String(code ?? name))
  const text = `${response?.errorMessage ?? ''} ${response?.displayMessage ?? ''} ${message}`
  const rule = statementRules.find(([form]) => form.test(text))
  if (rule !== undefined) return told(rule[1], String(errorCode ?? name))
  if (response?.sqlState === '42501') return told(denied, response.sqlState)
  const shownCode = /\[([A-Z][A-Z0-9_.]{2,80})\]/.exec(text)?.[1]
  return new WarehouseError(
    'query_failed',
    `Databricks refused the statement${shownCode === undefined ? '' : ` (${shownCode})`}.`,
    'Look the name up in the error classes of Databricks; a column may have been dropped or renamed.',
    { cause: String(errorCode ?? name) },
  )
}

const unknown: Told = ['query_failed', 'The workspace refused a request.', 'Check host and httpPath.']

function told([code, message, hint]: Told, cause: string): WarehouseError {
  return new WarehouseError(code, message, hint, { cause })
}
