import { MillraceError } from '@millrace/domain/errors.ts'

/** One thing to correct; `path` is where it stands in the request: `mapping.userId`, `options.port`. */
export type ProblemDetail = {
  readonly path: string
  readonly code: string
  readonly message: string
  readonly hint?: string
}

export type ApiProblemOptions = {
  readonly errors?: readonly ProblemDetail[]
  readonly headers?: Readonly<Record<string, string>>
  readonly cause?: unknown
}

/** An answer that is an error: thrown by handlers, written as RFC 9457 problem JSON. */
export class ApiProblem extends MillraceError {
  readonly status: number
  readonly errors: readonly ProblemDetail[]
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, code: string, message: string, hint: string, options: ApiProblemOptions = {}) {
    super(code, message, hint, { cause: options.cause })
    this.status = status
    this.errors = options.errors ?? []
    this.headers = options.headers ?? {}
  }
}

/** What a person may not see and what is not there look the same. */
export function notFound(what: string): ApiProblem {
  return new ApiProblem(404, 'not_found', `There is no such ${what}.`, 'Check the id, and the project it belongs to.')
}

export function invalid(code: string, message: string, errors: readonly ProblemDetail[]): ApiProblem {
  const hint = [...new Set(errors.flatMap((error) => error.hint ?? []))].slice(0, 3).join(' ')
  return new ApiProblem(422, code, message, hint || 'Correct what errors names.', { errors })
}
