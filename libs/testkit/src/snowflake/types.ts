import type { DuckDBType } from '@duckdb/node-api'
import { compilationError } from './snowflake-error.ts'
import type { TokenReader } from './tokens.ts'

export type TypeName =
  | 'FIXED'
  | 'REAL'
  | 'TEXT'
  | 'BOOLEAN'
  | 'DATE'
  | 'TIME'
  | 'TIMESTAMP_NTZ'
  | 'TIMESTAMP_LTZ'
  | 'TIMESTAMP_TZ'
  | 'VARIANT'
  | 'ARRAY'
  | 'OBJECT'
  | 'BINARY'

/** A type of Snowflake's under its logical name, by which it stands in results. */
export type SnowflakeType = {
  readonly name: TypeName
  readonly precision: number | null
  readonly scale: number | null
  readonly length: number | null
}

const textMax = 16_777_216
const binaryMax = 8_388_608

function typed(name: TypeName, parts: Partial<SnowflakeType> = {}): SnowflakeType {
  return { name, precision: null, scale: null, length: null, ...parts }
}

const aliases: Readonly<Record<string, SnowflakeType>> = {
  FLOAT: typed('REAL'),
  FLOAT4: typed('REAL'),
  FLOAT8: typed('REAL'),
  DOUBLE: typed('REAL'),
  REAL: typed('REAL'),
  BOOLEAN: typed('BOOLEAN'),
  DATE: typed('DATE'),
  VARIANT: typed('VARIANT'),
  ARRAY: typed('ARRAY'),
  OBJECT: typed('OBJECT'),
}

const integers = new Set(['INT', 'INTEGER', 'BIGINT', 'SMALLINT', 'TINYINT', 'BYTEINT'])
const timestamps: Readonly<Record<string, TypeName>> = {
  TIMESTAMP: 'TIMESTAMP_NTZ',
  DATETIME: 'TIMESTAMP_NTZ',
  TIMESTAMP_NTZ: 'TIMESTAMP_NTZ',
  TIMESTAMPNTZ: 'TIMESTAMP_NTZ',
  TIMESTAMP_LTZ: 'TIMESTAMP_LTZ',
  TIMESTAMPLTZ: 'TIMESTAMP_LTZ',
  TIMESTAMP_TZ: 'TIMESTAMP_TZ',
  TIMESTAMPTZ: 'TIMESTAMP_TZ',
}

/** Reads the name of a type with its arguments: https://docs.snowflake.com/en/sql-reference/intro-summary-data-types */
export function readType(reader: TokenReader): SnowflakeType {
  const word = reader.name()
  if (word === 'DOUBLE') reader.take('PRECISION')
  const found = aliases[word]
  if (found !== undefined) return found
  if (integers.has(word)) return typed('FIXED', { precision: 38, scale: 0 })
  const [first, second] = argumentsOf(reader)
  if (word === 'NUMBER' || word === 'DECIMAL' || word === 'NUMERIC' || word === 'DEC')
    return typed('FIXED', { precision: first ?? 38, scale: second ?? 0 })
  if (word === 'VARCHAR' || word === 'STRING' || word === 'TEXT') return typed('TEXT', { length: first ?? textMax })
  if (word === 'CHAR' || word === 'CHARACTER') return typed('TEXT', { length: first ?? 1 })
  if (word === 'BINARY' || word === 'VARBINARY') return typed('BINARY', { length: first ?? binaryMax })
  if (word === 'TIME') return typed('TIME', { precision: 0, scale: first ?? 9 })
  const timestamp = timestamps[word]
  if (timestamp !== undefined) return typed(timestamp, { precision: 0, scale: first ?? 9 })
  throw compilationError(`Unsupported data type '${word}'.`)
}

function argumentsOf(reader: TokenReader): readonly number[] {
  if (!reader.take('(')) return []
  const numbers = [Number(reader.next('number').value)]
  if (reader.take(',')) numbers.push(Number(reader.next('number').value))
  reader.expect(')')
  return numbers
}

/** How values of a type are kept in DuckDB: moments to the microsecond. */
export function duckTypeOf({ name, precision, scale }: SnowflakeType): string {
  switch (name) {
    case 'FIXED':
      return `DECIMAL(${precision}, ${scale})`
    case 'REAL':
      return 'DOUBLE'
    case 'TEXT':
      return 'VARCHAR'
    case 'BINARY':
      return 'BLOB'
    case 'TIMESTAMP_NTZ':
      return 'TIMESTAMP'
    case 'TIMESTAMP_LTZ':
      return 'TIMESTAMPTZ'
    case 'TIMESTAMP_TZ':
      return 'STRUCT("utc" TIMESTAMP, "off" INTEGER)'
    case 'VARIANT':
      return 'JSON'
    case 'ARRAY':
    case 'OBJECT':
      return name === 'ARRAY' ? 'STRUCT("arr" JSON)' : 'STRUCT("obj" JSON)'
    default:
      return name
  }
}

/** The type by which a column of a result stands. */
export function typeFromDuck(type: DuckDBType): SnowflakeType {
  const text = type.toString()
  if (type.alias === 'JSON') return typed('VARIANT')
  if (text.startsWith('STRUCT("arr"')) return typed('ARRAY')
  if (text.startsWith('STRUCT("obj"')) return typed('OBJECT')
  const decimal = /^DECIMAL\((\d+),\s*(\d+)\)$/.exec(text)
  if (decimal !== null) return typed('FIXED', { precision: Number(decimal[1]), scale: Number(decimal[2]) })
  if (/^U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?$/.test(text)) return typed('FIXED', { precision: 38, scale: 0 })
  if (text === 'DOUBLE' || text === 'FLOAT') return typed('REAL')
  if (text === 'VARCHAR' || text === 'SQLNULL' || text === '"NULL"') return typed('TEXT', { length: textMax })
  if (text === 'BLOB') return typed('BINARY', { length: binaryMax })
  if (text === 'BOOLEAN' || text === 'DATE') return typed(text)
  const moment = { precision: 0, scale: 9 }
  if (text === 'TIME') return typed('TIME', moment)
  if (text === 'TIMESTAMP' || text === 'TIMESTAMP_NS') return typed('TIMESTAMP_NTZ', moment)
  if (text === 'TIMESTAMP WITH TIME ZONE') return typed('TIMESTAMP_LTZ', moment)
  if (text.startsWith('STRUCT("utc" TIMESTAMP')) return typed('TIMESTAMP_TZ', moment)
  throw compilationError(`Unsupported data type '${text}'.`)
}

/** A type as SHOW COLUMNS, DESCRIBE and the information schema write it. */
export function shownType({ name, precision, scale, length }: SnowflakeType): string {
  switch (name) {
    case 'FIXED':
      return `NUMBER(${precision},${scale})`
    case 'REAL':
      return 'FLOAT'
    case 'TEXT':
      return `VARCHAR(${length})`
    case 'BINARY':
      return `BINARY(${length})`
    default:
      return scale === null ? name : `${name}(${scale})`
  }
}
