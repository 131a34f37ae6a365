import { StoreError, type StoreErrorCode } from './store-error.ts'

/** SQLSTATE classes and codes: https://www.postgresql.org/docs/current/errcodes-appendix.html */
const passingClasses = new Set(['08', '53', '57', '58'])
const codes: Readonly<Record<string, StoreErrorCode>> = {
  '40001': 'unavailable',
  '40P01': 'unavailable',
  '55P03': 'unavailable',
  '25006': 'unavailable',
  '25P03': 'unavailable',
  // Tables or columns that are not there yet: whoever migrates the store has not come to it.
  '42P01': 'unavailable',
  '42703': 'unavailable',
  '23503': 'in_use',
  '23505': 'conflict',
}

type PostgresError = Error & { readonly code?: string; readonly constraint?: string; readonly severity?: string }

/**
 * The StoreError that an error of the driver stands for. Whatever has no SQLSTATE came from the socket or from a time
 * limit of the driver, so it passes. The text of Postgres' detail is left out: it can hold values of rows.
 */
export function translateError(error: unknown): StoreError {
  if (error instanceof StoreError) return error
  const { code, message, constraint } = error as PostgresError
  return new StoreError(classify(code), `Postgres: ${message}`, { cause: error, constraint })
}

function classify(code: string | undefined): StoreErrorCode {
  if (code === undefined || !/^[0-9A-Z]{5}$/.test(code)) return 'unavailable'
  return codes[code] ?? (passingClasses.has(code.slice(0, 2)) ? 'unavailable' : 'refused')
}

/** Can the connection be used again after this error? Not after a broken or timed-out exchange. */
export function isConnectionSpent(error: unknown): boolean {
  const { code, severity } = error as PostgresError
  if (code === undefined || !/^[0-9A-Z]{5}$/.test(code)) return true
  return severity === 'FATAL' || severity === 'PANIC' || code.startsWith('08') || code.startsWith('57P')
}
