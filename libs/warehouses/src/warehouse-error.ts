import { MillraceError } from '@millrace/domain/errors.ts'
import type { NetErrorCode } from '@millrace/net/net-error.ts'

/** Everything that can be wrong with a warehouse, as callers and people tell it apart. */
export type WarehouseErrorCode =
  | 'options_invalid'
  // Reaching it: libs/net finds these.
  | NetErrorCode
  // Being let in.
  | 'authentication_failed'
  | 'database_not_found'
  | 'permission_denied'
  | 'too_many_connections'
  | 'server_unavailable'
  | 'connection_lost'
  | 'protocol_error'
  // What is asked for.
  | 'name_invalid'
  | 'table_not_found'
  | 'column_not_found'
  | 'insert_time_column_invalid'
  | 'type_not_supported'
  | 'mode_not_supported'
  | 'schema_changed'
  /** Mirror: what the last run kept is gone, or the table is another one: nothing can be compared. */
  | 'resync_required'
  | 'row_too_large'
  // While reading.
  | 'pin_lost'
  | 'snapshot_conflict'
  | 'statement_timeout'
  | 'query_failed'

/** What a warehouse cannot do, in words that may be shown to anyone who may see the source: no secrets, no row values. */
export class WarehouseError extends MillraceError {
  declare readonly code: WarehouseErrorCode
  /** Plain JSON for programs, as safe to show as the message; `schema_changed`: {difference, schemaFingerprint, mayContinue}. */
  readonly details: Readonly<Record<string, unknown>> | undefined

  constructor(
    code: WarehouseErrorCode,
    message: string,
    hint: string,
    options?: { readonly cause?: unknown; readonly details?: Readonly<Record<string, unknown>> },
  ) {
    super(code, message, hint, options)
    this.details = options?.details
  }
}

/** Codes of errors that trying again cannot heal: somebody must change the source, the sync or the table. */
export const finalWarehouseCodes: ReadonlySet<string> = new Set<WarehouseErrorCode>([
  'options_invalid',
  'host_invalid',
  'host_not_allowed',
  'port_not_allowed',
  'tls_required',
  'tls_certificate_invalid',
  'ca_certificate_invalid',
  'ssh_authentication_failed',
  'ssh_key_invalid',
  'ssh_host_key_unknown',
  'ssh_host_key_changed',
  'authentication_failed',
  'database_not_found',
  'permission_denied',
  'name_invalid',
  'table_not_found',
  'column_not_found',
  'insert_time_column_invalid',
  'type_not_supported',
  'mode_not_supported',
  'schema_changed',
  'resync_required',
  'row_too_large',
])
