import { MillraceError } from '@millrace/domain/errors.ts'
import { WarehouseError, type WarehouseErrorCode } from '../warehouse-error.ts'

type Told = readonly [code: WarehouseErrorCode, message: string, hint: string]

/** What SQLSTATEs mean here. The server's own words are never shown: they can hold values of rows. */
const bySqlState: Readonly<Record<string, Told>> = {
  '28P01': [
    'authentication_failed',
    'The user name or the password is wrong.',
    'Enter the password again; test it with psql.',
  ],
  '28000': [
    'authentication_failed',
    'The server does not let this user in from here.',
    'Check the user name, that the role has LOGIN, and that pg_hba.conf has a line for it (hostssl … scram-sha-256).',
  ],
  '3D000': [
    'database_not_found',
    'The database does not exist.',
    'Check its spelling; names in Postgres are case-sensitive here.',
  ],
  '42501': [
    'permission_denied',
    'The role may not read this.',
    'Grant it USAGE on the schema and SELECT on the table: see docs/warehouses/postgres.md.',
  ],
  '42P01': [
    'table_not_found',
    'The table does not exist.',
    'Check its spelling, or whether it was dropped or renamed.',
  ],
  '3F000': [
    'table_not_found',
    'The schema does not exist.',
    'Check its spelling, or whether it was dropped or renamed.',
  ],
  '42703': [
    'column_not_found',
    'A column does not exist.',
    'It was dropped or renamed: correct the mapping of the sync.',
  ],
  '57014': [
    'statement_timeout',
    'The statement took too long and was ended.',
    'Try again when the server is less busy; an index on the insert-time column makes planning fast.',
  ],
  '55P03': [
    'statement_timeout',
    'The table is locked by another session.',
    'Wait for the migration or maintenance that holds it.',
  ],
  '53300': [
    'too_many_connections',
    'The server has no connection left.',
    'Raise max_connections, or the role’s CONNECTION LIMIT.',
  ],
  '40001': [
    'snapshot_conflict',
    'The server ended the read because it needed its old row versions gone.',
    'On a standby, set hot_standby_feedback = on, or raise max_standby_streaming_delay.',
  ],
  '57P05': ['pin_lost', 'The snapshot was ended by the server.', 'The run pins itself again.'],
  millrace_sql_ascii: [
    'type_not_supported',
    'The database has the encoding SQL_ASCII, so its texts have no known meaning.',
    'Use a database with the encoding UTF8, or any other but SQL_ASCII.',
  ],
  millrace_too_old: [
    'mode_not_supported',
    'The server is older than Postgres 14.',
    'Upgrade it: such versions have no support any more.',
  ],
}

const byClass: Readonly<Record<string, Told>> = {
  '08': ['connection_lost', 'The connection to the server was lost.', 'It is tried again.'],
  '53': ['server_unavailable', 'The server has run out of memory, disk or another resource.', 'It is tried again.'],
  '57': ['server_unavailable', 'The server is starting, stopping or ended the session.', 'It is tried again.'],
}

const lost: Told = ['connection_lost', 'The connection to the server was lost.', 'It is tried again.']
const lostCodes: ReadonlySet<string> = new Set([
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ERR_STREAM_DESTROYED',
])

/** Any error of driver, server or network, as one that callers can act on. Errors of ours pass as they are. */
export function postgresError(error: unknown): MillraceError {
  if (error instanceof MillraceError) return error
  const { code = '', message = '' } = (error ?? {}) as { code?: string; message?: string }
  const told =
    bySqlState[code] ?? (/^[0-9A-Z]{5}$/.test(code) ? (byClass[code.slice(0, 2)] ?? unknownState(code)) : undefined)
  const [known, text, hint] = told ?? byDriver(code, message)
  // The driver's error object is left behind: it carries the server's words.
  return new WarehouseError(known, text, hint, {
    cause: code || error instanceof Error ? `${code} ${told ? '' : message}`.trim() : undefined,
  })
}

function unknownState(code: string): Told {
  return [
    'query_failed',
    `The server refused a statement (SQLSTATE ${code}).`,
    'Look into the server’s log for this code.',
  ]
}

function byDriver(code: string, message: string): Told {
  if (lostCodes.has(code) || /Connection terminated|timeout expired|not queryable|Client was closed/.test(message))
    return lost
  if (/^SASL|password must be a string|SCRAM/i.test(message)) {
    return [
      'authentication_failed',
      'The server asks for a login that cannot be used.',
      'Use scram-sha-256 for this role.',
    ]
  }
  return [
    'query_failed',
    'The driver could not carry out a statement.',
    'If it happens again, report it with the log of the extractor.',
  ]
}
