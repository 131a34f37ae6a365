import { nameFromDuck } from './names.ts'
import { compilationError, SnowflakeError, syntaxError } from './snowflake-error.ts'

export function canceled(): SnowflakeError {
  return new SnowflakeError('000604', '57014', 'SQL execution canceled')
}

/** What Snowflake says where DuckDB says this. */
export function errorFromDuck(error: Error): SnowflakeError {
  const { message } = error
  if (/INTERRUPT/.test(message)) return canceled()
  const column = /Referenced column "(.*?)" (?:was )?not found|does not have a column named "(.*?)"/.exec(message)
  if (column !== null) return invalidIdentifier(nameFromDuck(column[1] ?? column[2] ?? ''))
  const near = /syntax error at or near "(.*?)"/.exec(message)
  if (near !== null) return syntaxError(near[1] ?? '')
  const value = /Could not convert (?:string|VARCHAR) ['"](.*?)['"] to (\w+)/i.exec(message)
  if (value !== null) return new SnowflakeError('100038', '22018', `Numeric value '${value[1]}' is not recognized`)
  if (/[Dd]ivision by zero/.test(message)) return new SnowflakeError('100051', '22012', 'Division by zero')
  if (/NOT NULL constraint failed/.test(message))
    return new SnowflakeError('100072', '22000', 'NULL result in a non-nullable column')
  if (/^(Conversion|Out of Range|Invalid Input) Error/.test(message))
    return new SnowflakeError('100035', '22007', message)
  return compilationError(message)
}

export function invalidIdentifier(name: string): SnowflakeError {
  return new SnowflakeError(
    '000904',
    '42000',
    `SQL compilation error: error line 1 at position 0\ninvalid identifier '${name}'`,
  )
}
