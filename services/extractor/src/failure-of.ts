import { MillraceError } from '@millrace/domain/errors.ts'
import { KafkaError } from '@millrace/kafka/kafka-error.ts'
import { RegistryError } from '@millrace/registry/registry-error.ts'
import { StoreError } from '@millrace/store/store-error.ts'

export type Failure = {
  readonly code: string
  readonly message: string
  readonly hint: string
  /** What a person decides by, for the errors that ask one. */
  readonly details?: Readonly<Record<string, unknown>>
}

/**
 * Why a task failed, in words for whoever may see the run. Only errors that were made for people speak for themselves:
 * those of drivers, and what Postgres said to a statement of ours, may hold addresses and values, and are for the log.
 */
export function failureOf(error: unknown): Failure {
  if (error instanceof StoreError && error.cause !== undefined)
    return { code: error.code, message: 'The control store did not do what the task needed.', hint: error.hint }
  if (error instanceof MillraceError || error instanceof KafkaError || error instanceof RegistryError)
    return { code: error.code, message: error.message, hint: error.hint, ...detailsOf(error) }
  return {
    code: 'extractor_error',
    message: 'The extractor failed in a way that was not foreseen.',
    hint: 'The log of the extractor has the details.',
  }
}

/** Errors have details only where these were made to be shown. */
function detailsOf(error: Error): Pick<Failure, 'details'> {
  const { details } = error as { details?: unknown }
  if (typeof details !== 'object' || details === null) return {}
  return { details: details as Readonly<Record<string, unknown>> }
}
