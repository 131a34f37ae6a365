import type { ColumnType } from '@millrace/domain/row-schema.ts'

/**
 * Which column type a Postgres type becomes, and how it is read.
 *
 * | Postgres                                     | column    | value                                                     |
 * | -------------------------------------------- | --------- | --------------------------------------------------------- |
 * | boolean                                      | boolean   |                                                           |
 * | smallint, integer, bigint, oid               | integer   | exact                                                     |
 * | double precision                             | double    | exact                                                     |
 * | real                                         | double    | the shortest decimal that names the same real: 0.1        |
 * | numeric                                      | decimal   | exact text, scale kept: 12.50; NaN, Infinity, -Infinity   |
 * | timestamptz                                  | timestamp | microseconds UTC; ±infinity kept                          |
 * | timestamp                                    | timestamp | read as UTC                                               |
 * | date                                         | date      | ±infinity kept                                            |
 * | text, varchar, name, enums                   | string    |                                                           |
 * | character(n)                                 | string    | without the padding at the end                            |
 * | uuid                                         | string    | lower case with hyphens                                   |
 * | json, jsonb                                  | json      | the text as stored (json), as Postgres prints it (jsonb)  |
 * | arrays, composite types                      | json      | as to_json prints them                                    |
 * | hstore                                       | json      | an object of strings                                      |
 * | bytea                                        | bytes     |                                                           |
 * | domains                                      |           | as the type under them                                    |
 * | everything else: time, timetz, interval, inet, cidr, macaddr, money, bit, xml, ranges, multiranges, geometry, tsvector, types of extensions | string | the text that Postgres prints, in fixed settings |
 *
 * Timestamps after 294247-01-10 do not fit 64 bits of microseconds since 1970 and are carried as infinity.
 */
export type TypeRule = {
  readonly column: ColumnType
  readonly decode: number
  /** SQL around the quoted name of the column. */
  readonly before: string
  readonly after: string
}

/** How the binary form of a field is decoded. Numbers, since the hot loop switches on them. */
export const decodes = {
  boolean: 0,
  int2: 1,
  int4: 2,
  int8: 3,
  oid: 4,
  float4: 5,
  float8: 6,
  numeric: 7,
  text: 8,
  json: 9,
  jsonb: 10,
  uuid: 11,
  bytes: 12,
  timestamp: 13,
  date: 14,
} as const

const plain = (column: ColumnType, decode: number): TypeRule => ({ column, decode, before: '', after: '' })

const asText = ')::pg_catalog.text'

export const typeRules = {
  boolean: plain('boolean', decodes.boolean),
  int2: plain('integer', decodes.int2),
  int4: plain('integer', decodes.int4),
  int8: plain('integer', decodes.int8),
  oid: plain('integer', decodes.oid),
  float4: plain('double', decodes.float4),
  float8: plain('double', decodes.float8),
  numeric: plain('decimal', decodes.numeric),
  text: plain('string', decodes.text),
  json: plain('json', decodes.json),
  jsonb: plain('json', decodes.jsonb),
  uuid: plain('string', decodes.uuid),
  bytea: plain('bytes', decodes.bytes),
  timestamp: plain('timestamp', decodes.timestamp),
  date: plain('date', decodes.date),
  to_text: { column: 'string', decode: decodes.text, before: '(', after: asText },
  to_json: { column: 'json', decode: decodes.json, before: '(pg_catalog.to_json(', after: `)${asText}` },
  cast_json: { column: 'json', decode: decodes.json, before: '((', after: `)::pg_catalog.json${asText}` },
} as const satisfies Readonly<Record<string, TypeRule>>

export type TypeRuleName = keyof typeof typeRules

/** A type as the catalogue describes it, domains resolved. */
export type CatalogType = {
  readonly oid: number
  /** pg_type.typtype: b base, c composite, e enum, r range, m multirange, p pseudo. */
  readonly kind: string
  /** pg_type.typcategory: A for arrays. */
  readonly category: string
  readonly name: string
}

/** Types with a cheap binary form, by their fixed oid: https://github.com/postgres/postgres/blob/master/src/include/catalog/pg_type.dat */
const byOid: ReadonlyMap<number, TypeRuleName> = new Map([
  [16, 'boolean'],
  [21, 'int2'],
  [23, 'int4'],
  [20, 'int8'],
  [26, 'oid'],
  [700, 'float4'],
  [701, 'float8'],
  [1700, 'numeric'],
  [25, 'text'],
  [1043, 'text'],
  [19, 'text'],
  [114, 'json'],
  [3802, 'jsonb'],
  [2950, 'uuid'],
  [17, 'bytea'],
  [1114, 'timestamp'],
  [1184, 'timestamp'],
  [1082, 'date'],
])

export function ruleOf(type: CatalogType): TypeRuleName {
  const known = byOid.get(type.oid)
  if (known !== undefined) return known
  if (type.kind === 'e') return 'text'
  if (type.kind === 'c' || type.category === 'A') return 'to_json'
  if (type.kind === 'b' && type.name === 'hstore') return 'cast_json'
  return 'to_text'
}
