/** An error as BigQuery's API answers it: https://cloud.google.com/bigquery/docs/error-messages */
export class ApiError extends Error {
  readonly status: number
  readonly reason: string
  readonly location: string | undefined

  constructor(status: number, reason: string, message: string, location?: string) {
    super(message)
    this.status = status
    this.reason = reason
    this.location = location
  }

  /** The body of an HTTP answer. */
  body() {
    const { status: code, message, reason, location } = this
    return {
      error: { code, message, errors: [{ message, domain: 'global', reason, ...(location ? { location } : {}) }] },
    }
  }

  /** How a job reports it. */
  proto() {
    const { message, reason, location } = this
    return { reason, message, ...(location ? { location } : {}) }
  }
}

export function notFound(what: string): ApiError {
  return new ApiError(404, 'notFound', `Not found: ${what}`)
}

export function accessDenied(what: string): ApiError {
  return new ApiError(403, 'accessDenied', `Access Denied: ${what}`)
}

export function invalidQuery(message: string): ApiError {
  return new ApiError(400, 'invalidQuery', message, 'query')
}

export function invalid(message: string): ApiError {
  return new ApiError(400, 'invalid', message)
}
