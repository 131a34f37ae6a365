import type { RegistryErrorCode } from '@millrace/registry/registry-error.ts'
import type { SecretErrorCode } from '@millrace/secrets/secret-error.ts'
import type { WarehouseErrorCode } from '@millrace/warehouses/warehouse-error.ts'

/** Errors after which trying again can only fail again: the run fails with the reason, the cursor stays. */
const finalCodes: readonly (WarehouseErrorCode | RegistryErrorCode | SecretErrorCode)[] = [
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
  'row_too_large',
  'incompatible',
  'invalid_schema',
  'kek_unknown',
  'secret_unreadable',
]
const isFinal: ReadonlySet<string> = new Set(finalCodes)

const failuresMax = 8

/**
 * How long to wait before a task is tried again, in ms; null when trying again is pointless. `failures` counts the
 * attempts that failed before this one. A lost pin is tried again at once, since it was replaced before.
 */
export function retryDelayMs(error: unknown, failures: number): number | null {
  const code = (error as { code?: string }).code
  if (code !== undefined && isFinal.has(code)) return null
  if (failures + 1 >= failuresMax) return null
  if (code === 'pin_lost') return 0
  return Math.min(30_000, 500 * 2 ** failures)
}
