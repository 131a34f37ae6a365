/** Errors after which trying again can only fail again: the run fails with the reason, the cursor stays. */
const finalCodes: ReadonlySet<string> = new Set([
  // of the warehouse
  'authentication_failed',
  'permission_denied',
  'table_not_found',
  'column_not_found',
  'schema_changed',
  'database_not_found',
  'tls_certificate_invalid',
  'tls_required',
  'ssh_host_key_changed',
  'host_not_allowed',
  'type_not_supported',
  // of the schema registry
  'incompatible',
  'invalid_schema',
])

const failuresMax = 8

/**
 * How long to wait before a task is tried again, in ms; null when trying again is pointless. `failures` counts the
 * attempts that failed before this one. A lost pin is tried again at once, since it was replaced before.
 */
export function retryDelayMs(error: unknown, failures: number): number | null {
  const code = (error as { code?: string }).code
  if (code !== undefined && finalCodes.has(code)) return null
  if (failures + 1 >= failuresMax) return null
  if (code === 'pin_lost') return 0
  return Math.min(30_000, 500 * 2 ** failures)
}
