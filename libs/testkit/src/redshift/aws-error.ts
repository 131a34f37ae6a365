/** A refusal as AWS words it: the name that SDKs tell errors apart by, and a message. */
export class AwsError extends Error {
  readonly status: number
  constructor(name: string, message: string, status = 400) {
    super(message)
    this.name = name
    this.status = status
  }
}

export function accessDenied(message: string): AwsError {
  return new AwsError('AccessDeniedException', message)
}

export function invalid(message: string): AwsError {
  return new AwsError('ValidationException', message)
}
