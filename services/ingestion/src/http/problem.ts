import { STATUS_CODES } from 'node:http'
import { MillraceError } from '@millrace/domain/errors.ts'

/** An error of the read and operator APIs, answered as RFC 9457 problem JSON. */
export class HttpProblem extends MillraceError {
  readonly statusCode: number

  constructor(statusCode: number, code: string, message: string, hint: string) {
    super(code, message, hint)
    this.statusCode = statusCode
  }
}

export const problemType = 'application/problem+json'

export function problemBody(status: number, code: string, detail: string, hint: string) {
  return { type: `urn:millrace:problem:${code}`, title: STATUS_CODES[status] ?? 'Error', status, code, detail, hint }
}
