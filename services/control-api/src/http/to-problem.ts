import { NetError } from '@millrace/net/net-error.ts'
import { VerifierBusyError } from '@millrace/secrets/account-verifier.ts'
import { StoreError, type StoreErrorCode } from '@millrace/store/store-error.ts'
import { WarehouseError } from '@millrace/warehouses/warehouse-error.ts'
import { ApiProblem } from './api-problem.ts'
import { type ValidationFault, validationProblems } from './validation-problems.ts'

const storeStatus: Readonly<Record<StoreErrorCode, number>> = {
  unavailable: 503,
  run_open_exists: 409,
  sync_not_active: 409,
  conflict: 409,
  in_use: 409,
  not_found: 404,
  refused: 500,
}

/** Errors of Fastify itself that a caller can act on. */
const fastifyHints: Readonly<Record<string, string>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'Send at most 1 MB.',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'Send JSON, with content-type: application/json.',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'Send a content-length that fits the body.',
}

type FastifyFault = Error & {
  readonly statusCode?: number
  readonly code?: string
  readonly validation?: readonly ValidationFault[]
  readonly validationContext?: string
}

/** The answer that an error stands for. What nobody foresaw is a 500 that says nothing of its cause. */
export function toProblem(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) return error
  if (error instanceof StoreError) return fromStore(error)
  if (error instanceof WarehouseError || error instanceof NetError) return fromWarehouse(error)
  if (error instanceof VerifierBusyError)
    return new ApiProblem(503, error.code, error.message, error.hint, { headers: { 'retry-after': '2' } })
  const fault = error as FastifyFault
  if (fault.validation) return validationProblems(fault.validation, fault.validationContext ?? 'body')
  if (fault instanceof SyntaxError || fault.code === 'FST_ERR_CTP_INVALID_JSON_BODY')
    return new ApiProblem(400, 'json_invalid', 'The body is no JSON.', 'Send one JSON value.', { cause: error })
  const { statusCode = 500, code = '' } = fault
  if (statusCode >= 400 && statusCode < 500 && code.startsWith('FST_')) {
    const hint = fastifyHints[code] ?? 'Correct the request.'
    return new ApiProblem(
      statusCode,
      code.replace('FST_ERR_CTP_', '').replace('FST_ERR_', '').toLowerCase(),
      fault.message,
      hint,
    )
  }
  return new ApiProblem(500, 'internal', 'Something went wrong here.', 'Try again; the log has the request id.', {
    cause: error,
  })
}

function fromStore(error: StoreError): ApiProblem {
  const status = storeStatus[error.code]
  if (error.code === 'refused')
    return new ApiProblem(500, 'internal', 'Something went wrong here.', 'Try again; the log has the request id.', {
      cause: error,
    })
  // Postgres' own words are for the log; errors that the store made itself have none as their cause.
  const message = error.cause === undefined ? error.message : storeMessages[error.code]
  return new ApiProblem(status, error.code, message, error.hint, {
    cause: error,
    ...(error.code === 'unavailable' ? { headers: { 'retry-after': '2' } } : {}),
    ...(error.runId === null
      ? {}
      : { errors: [{ path: 'runId', code: error.code, message: error.runId, hint: error.hint }] }),
  })
}

const storeMessages: Readonly<Record<StoreErrorCode, string>> = {
  unavailable: 'The control store does not answer.',
  run_open_exists: 'The sync has a run that is not finished.',
  sync_not_active: 'The sync takes no runs.',
  conflict: 'There is one of this name already.',
  in_use: 'Something else refers to it, or it refers to what is not there.',
  not_found: 'There is no such thing.',
  refused: 'Something went wrong here.',
}

function fromWarehouse(error: WarehouseError | NetError): ApiProblem {
  const status = warehouseStatus[error.code] ?? 502
  return new ApiProblem(status, error.code, error.message, error.hint, { cause: error })
}

/** 404: what is asked for is not there; 422: the source is set up in a way that cannot work; 502: the warehouse failed. */
const warehouseStatus: Readonly<Record<string, number>> = {
  table_not_found: 404,
  name_invalid: 422,
  column_not_found: 422,
  options_invalid: 422,
  type_not_supported: 422,
  permission_denied: 422,
  row_too_large: 422,
  mode_not_supported: 422,
  insert_time_column_invalid: 422,
  schema_changed: 409,
  resync_required: 409,
  host_invalid: 422,
  host_not_allowed: 422,
  port_not_allowed: 422,
  statement_timeout: 504,
}

/** Is this an error that the log should show with its cause? */
export function isFault(problem: ApiProblem): boolean {
  return problem.status >= 500
}
