/** Errors after which reading again can only fail again: the run fails with the reason, the cursor stays. */
const finalCodes = new Set([
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
])

const failuresMax = 8

/**
 * How long to wait before a task is tried again, in ms; null when trying again is pointless. `failures` counts the
 * attempts that failed before this one.
 */
export function retryDelayMs(error: unknown, failures: number): number | null {
  const code = (error as { code?: string }).code
  if (code === 'pin_lost') return 0
  if (code !== undefined && finalCodes.has(code)) return null
  if (failures + 1 >= failuresMax) return null
  return Math.min(30_000, 500 * 2 ** failures)
}
