import { MillraceError } from '@millrace/domain/errors.ts'

/**
 * - `kek_invalid`: the key file cannot be used.
 * - `kek_unknown`: the secret was sealed under a key that is not in the key file any more.
 * - `secret_unreadable`: key, place or bytes are not those that were sealed.
 */
export type SecretErrorCode = 'kek_invalid' | 'kek_unknown' | 'secret_unreadable'

/** Trouble with keys or sealed secrets. Names places, never values. */
export class SecretError extends MillraceError {
  declare readonly code: SecretErrorCode

  constructor(code: SecretErrorCode, message: string, hint: string, options?: { cause?: unknown }) {
    super(code, message, hint, options)
  }
}
