import type { RegistryErrorCode } from '@millrace/registry/registry-error.ts'
import type { SecretErrorCode } from '@millrace/secrets/secret-error.ts'
import { finalWarehouseCodes } from '@millrace/warehouses/warehouse-error.ts'

/** Errors after which trying again can only fail again: the run fails with the reason, the cursor stays. */
const ownFinalCodes: readonly (RegistryErrorCode | SecretErrorCode)[] = [
  'incompatible',
  'invalid_schema',
  'kek_unknown',
  'secret_unreadable',
]
const isFinal: ReadonlySet<string> = new Set([
  ...finalWarehouseCodes,
  ...ownFinalCodes,
  'mapping_invalid',
  'needs_confirmation',
])

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
