/** An answer of `success: false`, with Snowflake's number of the error. */
export class SnowflakeError extends Error {
  readonly code: string
  readonly sqlState: string

  constructor(code: string, sqlState: string, message: string) {
    super(message)
    this.code = code
    this.sqlState = sqlState
  }
}

export function notThere(kind: string, name: string): SnowflakeError {
  const state = kind === 'Table' || kind === 'Object' || kind === 'Stream' || kind === 'View' ? '42S02' : '02000'
  return new SnowflakeError(
    '002003',
    state,
    `SQL compilation error:\n${kind} '${name}' does not exist or not authorized.`,
  )
}

export function noPrivilege(kind: string, name: string): SnowflakeError {
  const message = `SQL access control error:\nInsufficient privileges to operate on ${kind.toLowerCase()} '${name}'.`
  return new SnowflakeError('003001', '42501', message)
}

export function syntaxError(what: string, line = 1, position = 0): SnowflakeError {
  const message = `SQL compilation error:\nsyntax error line ${line} at position ${position} unexpected '${what}'.`
  return new SnowflakeError('001003', '42000', message)
}

export function compilationError(message: string): SnowflakeError {
  return new SnowflakeError('002140', '42601', `SQL compilation error:\n${message}`)
}

/** What the stand-in does not model is refused, never guessed at. */
export function notModelled(what: string): SnowflakeError {
  return new SnowflakeError('000002', '0A000', `Unsupported feature '${what}' (of the stand-in).`)
}

export function noActiveWarehouse(): SnowflakeError {
  const hint = "Select an active warehouse with the 'use warehouse' command."
  return new SnowflakeError('000606', '57P03', `No active warehouse selected in the current session.  ${hint}`)
}

export function alreadyExists(name: string): SnowflakeError {
  return new SnowflakeError('002002', '42710', `SQL compilation error:\nObject '${name}' already exists.`)
}
