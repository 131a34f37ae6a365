import { compilationError } from './snowflake-error.ts'

type Write = (args: readonly string[]) => string

/** Functions that DuckDB has under the same name and sense. */
const same = [
  'ABS CEIL FLOOR ROUND SIGN SQRT EXP LN POWER MOD GREATEST LEAST COALESCE NULLIF',
  'COUNT SUM MIN MAX AVG ANY_VALUE LISTAGG ROW_NUMBER RANK DENSE_RANK LAG LEAD FIRST_VALUE LAST_VALUE COUNT_IF',
  'UPPER LOWER LENGTH SUBSTR SUBSTRING LEFT RIGHT LTRIM RTRIM TRIM REPLACE REVERSE CONCAT CONCAT_WS LPAD RPAD REPEAT',
  'CONTAINS TRANSLATE ASCII CHR MD5 SHA1 DAYNAME MONTHNAME LAST_DAY YEAR MONTH DAY HOUR MINUTE SECOND',
  'REGEXP_REPLACE POSITION RANDOM',
]

const renamed: Readonly<Record<string, string>> = {
  IFNULL: 'coalesce',
  NVL: 'coalesce',
  LEN: 'length',
  CHAR: 'chr',
  CEILING: 'ceil',
  POW: 'power',
  BOOLAND_AGG: 'bool_and',
  BOOLOR_AGG: 'bool_or',
  MD5_HEX: 'md5',
  SHA1_HEX: 'sha1',
  APPROX_COUNT_DISTINCT: 'approx_count_distinct',
  UUID_STRING: 'uuid',
  REGEXP_LIKE: 'regexp_full_match',
  STARTSWITH: 'starts_with',
  ENDSWITH: 'ends_with',
  CHARINDEX: 'sf_charindex',
  OCTET_LENGTH: 'sf_octets',
}

/** Elements of formats, longest first: https://docs.snowflake.com/en/sql-reference/date-time-input-output */
const elements: readonly (readonly [string, string])[] = [
  ['YYYY', '%Y'],
  ['HH24', '%H'],
  ['FF9', '%n'],
  ['FF6', '%f'],
  ['FF3', '%g'],
  ['MM', '%m'],
  ['DD', '%d'],
  ['MI', '%M'],
  ['SS', '%S'],
]

function formatted(value: string, format: string): string {
  let rest = format.slice(1, -1)
  let written = ''
  while (rest !== '') {
    const found = elements.find(([element]) => rest.toUpperCase().startsWith(element))
    if (found === undefined && /^[A-Za-z]/.test(rest)) throw compilationError(`Unsupported format ${format}.`)
    written += found?.[1] ?? rest[0]
    rest = rest.slice(found?.[0].length ?? 1)
  }
  return `strftime(sf_clock(${value}), '${written}')`
}

const text = (args: readonly string[]) => {
  if (args.length > 1) return formatted(args[0] ?? '', args[1] ?? '')
  return `sf_text_of(${args[0]})`
}

const number: Write = ([value, precision = '38', scale = '0']) =>
  `CAST(sf_text_of(${value}) AS DECIMAL(${precision}, ${scale}))`
const tryNumber: Write = ([value, precision = '38', scale = '0']) =>
  `TRY_CAST(sf_text_of(${value}) AS DECIMAL(${precision}, ${scale}))`

/** Moments from numbers are seconds; with a scale, 10^scale of them a second. */
const moment =
  (kind: string): Write =>
  ([value, scale]) =>
    scale === undefined ? `sf_${kind}_of(${value})` : `sf_${kind}_of((${value}) / power(10, ${scale}))`

const sha2: Write = ([value, bits = '256']) => {
  if (bits !== '256') throw compilationError(`Invalid argument ${bits} for SHA2 (the stand-in knows 256).`)
  return `sha256(${value})`
}

const written: Readonly<Record<string, Write>> = {
  TO_VARCHAR: text,
  TO_CHAR: text,
  TO_NUMBER: number,
  TO_DECIMAL: number,
  TO_NUMERIC: number,
  TRY_TO_NUMBER: tryNumber,
  TRY_TO_DECIMAL: tryNumber,
  TO_DOUBLE: ([value]) => `CAST(sf_text_of(${value}) AS DOUBLE)`,
  TRY_TO_DOUBLE: ([value]) => `TRY_CAST(sf_text_of(${value}) AS DOUBLE)`,
  TO_BOOLEAN: ([value]) => `CAST(sf_text_of(${value}) AS BOOLEAN)`,
  TO_DATE: ([value]) => `CAST(sf_text_of(${value}) AS DATE)`,
  TRY_TO_DATE: ([value]) => `TRY_CAST(sf_text_of(${value}) AS DATE)`,
  TO_TIME: ([value]) => `CAST(sf_text_of(${value}) AS TIME)`,
  TO_TIMESTAMP: moment('ntz'),
  TO_TIMESTAMP_NTZ: moment('ntz'),
  TO_TIMESTAMP_LTZ: moment('ltz'),
  TO_TIMESTAMP_TZ: moment('tz'),
  TO_VARIANT: ([value]) => `sf_variant_of(${value})`,
  TO_ARRAY: ([value]) => `sf_array_of(${value})`,
  TO_OBJECT: ([value]) => `sf_object_of(${value})`,
  PARSE_JSON: ([value]) => `CAST(${value} AS JSON)`,
  TRY_PARSE_JSON: ([value]) => `TRY_CAST(${value} AS JSON)`,
  TO_JSON: ([value]) => `CAST(sf_json(${value}) AS VARCHAR)`,
  GET: ([value, key]) => `json_extract(sf_json(${value}), ${key})`,
  GET_PATH: ([value, path]) => `json_extract(sf_json(${value}), '$.' || ${path})`,
  ARRAY_CONSTRUCT: (args) => `{'arr': json_array(${args.map((arg) => `sf_json(${arg})`).join(', ')})}`,
  OBJECT_CONSTRUCT: (args) =>
    `{'obj': json_object(${args.map((arg, i) => (i % 2 === 0 ? arg : `sf_json(${arg})`)).join(', ')})}`,
  ARRAY_SIZE: ([value]) => `json_array_length(sf_json(${value}))`,
  TO_BINARY: ([value, format = "'HEX'"]) => {
    if (/HEX/i.test(format)) return `unhex(${value})`
    return /UTF-?8/i.test(format) ? `encode(${value})` : `from_base64(${value})`
  },
  HEX_ENCODE: ([value]) => `hex(${value})`,
  HEX_DECODE_BINARY: ([value]) => `unhex(${value})`,
  BASE64_ENCODE: ([value]) => `to_base64(${value})`,
  SHA2: sha2,
  SHA2_HEX: sha2,
  SHA2_BINARY: (args) => `unhex(${sha2(args)})`,
  MD5_BINARY: ([value]) => `unhex(md5(${value}))`,
  IFF: ([condition, yes, no]) => `CASE WHEN ${condition} THEN ${yes} ELSE ${no} END`,
  NVL2: ([value, yes, no]) => `CASE WHEN (${value}) IS NOT NULL THEN ${yes} ELSE ${no} END`,
  ZEROIFNULL: ([value]) => `coalesce(${value}, 0)`,
  EQUAL_NULL: ([a, b]) => `((${a}) IS NOT DISTINCT FROM (${b}))`,
  DIV0: ([a, b]) => `CASE WHEN (${b}) = 0 THEN 0 ELSE (${a}) / (${b}) END`,
  HASH: (args) => `CAST(hash(${args.join(', ')}) % 9223372036854775807 AS DECIMAL(38, 0))`,
  DATEADD: ([part = '', count, value]) => `(${value} + (${count}) * INTERVAL 1 ${part})`,
  TIMESTAMPADD: ([part = '', count, value]) => `(${value} + (${count}) * INTERVAL 1 ${part})`,
  DATEDIFF: ([part = '', a, b]) => `date_diff('${part.toLowerCase()}', sf_ntz_of(${a}), sf_ntz_of(${b}))`,
  TIMESTAMPDIFF: ([part = '', a, b]) => `date_diff('${part.toLowerCase()}', sf_ntz_of(${a}), sf_ntz_of(${b}))`,
  DATE_TRUNC: ([part = '', value]) => `date_trunc('${part.toLowerCase()}', ${value})`,
  DATE_PART: ([part = '', value]) => datePart(part, value ?? ''),
  TRY_TO_TIMESTAMP_NTZ: ([value]) => `TRY_CAST(${value} AS TIMESTAMP)`,
  IS_NULL_VALUE: ([value]) => `(sf_json(${value}) = CAST('null' AS JSON))`,
  SEQ4: () => '"~SEQ"',
  SEQ8: () => '"~SEQ"',
}

/** Functions whose first argument is the name of a part of time. */
export const partFunctions: ReadonlySet<string> = new Set([
  'DATEADD',
  'TIMESTAMPADD',
  'DATEDIFF',
  'TIMESTAMPDIFF',
  'DATE_TRUNC',
  'DATE_PART',
])

const epochs: Readonly<Record<string, string>> = {
  EPOCH: 'sf_micros(x) // 1000000',
  EPOCH_SECOND: 'sf_micros(x) // 1000000',
  EPOCH_SECONDS: 'sf_micros(x) // 1000000',
  EPOCH_MILLISECOND: 'sf_micros(x) // 1000',
  EPOCH_MILLISECONDS: 'sf_micros(x) // 1000',
  EPOCH_MICROSECOND: 'sf_micros(x)',
  EPOCH_MICROSECONDS: 'sf_micros(x)',
  EPOCH_NANOSECOND: 'CAST(sf_micros(x) AS HUGEINT) * 1000',
  EPOCH_NANOSECONDS: 'CAST(sf_micros(x) AS HUGEINT) * 1000',
}

export function datePart(part: string, value: string): string {
  const epoch = epochs[part]
  if (epoch !== undefined) return `(${epoch.replace('(x)', () => `(${value})`)})`
  return `date_part('${part.toLowerCase()}', sf_ntz_of(${value}))`
}

const names = new Set(same.flatMap((line) => line.split(' ')))

/** SQL of a call; a function that Snowflake (or the stand-in) does not have is refused. */
export function callSql(name: string, args: readonly string[]): string {
  const write = written[name]
  if (write !== undefined) return write(args)
  if (names.has(name)) return `${name.toLowerCase()}(${args.join(', ')})`
  const other = renamed[name]
  if (other !== undefined) return `${other}(${args.join(', ')})`
  throw compilationError(`Unknown function ${name}.`)
}
