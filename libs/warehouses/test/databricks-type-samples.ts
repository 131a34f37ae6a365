import type { Value } from './collecting-sink.ts'

const noon = 1_704_110_400_000_000n

/** One line per type: its type, a value in SQL, and what a change record holds. */
export const typeSamples: readonly (readonly [string, string, Value])[] = [
  ['BOOLEAN', 'FALSE', false],
  ['TINYINT', '-128', -128n],
  ['SMALLINT', '-32768', -32768n],
  ['INT', '2147483647', 2147483647n],
  ['BIGINT', '-9223372036854775808', -9223372036854775808n],
  ['BIGINT', '9007199254740993', 9007199254740993n],
  ['FLOAT', "float('0.1')", Math.fround(0.1)],
  ['DOUBLE', "double('0.1')", 0.1],
  ['DOUBLE', "double('-0.0')", -0],
  ['DOUBLE', "double('1e23')", 1e23],
  ['DOUBLE', "double('NaN')", Number.NaN],
  ['DOUBLE', "double('-Infinity')", Number.NEGATIVE_INFINITY],
  ['DECIMAL(12,2)', '12.5', '12.50'],
  ['DECIMAL(38,9)', '0', '0.000000000'],
  ['DECIMAL(38,9)', '-12345678901234567890.000000001', '-12345678901234567890.000000001'],
  ['STRING', `'zoë \\'quoted\\' 🚲'`, "zoë 'quoted' 🚲"],
  ['STRING', "'a|b\\nc'", 'a|b\nc'],
  ['STRING', "''", ''],
  ['VARCHAR(10)', "'ab'", 'ab'],
  ['CHAR(5)', "'ab'", 'ab   '],
  ['BINARY', "X'00FF10'", Buffer.from('00ff10', 'hex')],
  ['DATE', "DATE '1969-12-31'", -1],
  ['TIMESTAMP', "TIMESTAMP '2024-01-01 14:00:00.000001+02:00'", noon + 1n],
  ['TIMESTAMP', "TIMESTAMP '1969-12-31 23:59:59.999999+00:00'", -1n],
  ['TIMESTAMP_NTZ', "TIMESTAMP_NTZ '2024-01-01 12:00:00.5'", noon + 500_000n],
  ['STRUCT<a: INT, b: STRING>', "named_struct('a', 1, 'b', NULL)", '{"a":1,"b":null}'],
  ['ARRAY<DECIMAL(4,2)>', 'array(1.50, NULL)', '[1.50,null]'],
  ['MAP<STRING, INT>', "map('k', 1)", '{"k":1}'],
  ['VARIANT', `parse_json('{"a": [1, null]}')`, '{"a":[1,null]}'],
]
