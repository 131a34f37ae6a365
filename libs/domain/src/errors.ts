/**
 * Base of every error that a person or a caller can act on. `code` is stable and lower_snake_case (the `type` of the
 * API's problem JSON), `message` says what happened and where, `hint` says what to do next. Neither holds secrets or
 * row values. Broken assumptions of the program itself are assertions, not these.
 */
export class MillraceError extends Error {
  readonly code: string
  readonly hint: string

  constructor(code: string, message: string, hint: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = new.target.name
    this.code = code
    this.hint = hint
  }
}
