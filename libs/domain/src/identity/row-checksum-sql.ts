import type { ColumnType } from '../row-schema.ts'

/**
 * A column and the SQL of its value in the form in which Millrace carries it (row-schema.ts): decimal, string and json as text,
 * timestamp as an integer of microseconds, date as an integer of days, the others as themselves. Warehouses have such an
 * expression for each of their types, since they read through it.
 */
export type ChecksumColumn = { readonly type: ColumnType; readonly sql: string }

/** `checksum` is an expression, NULL for no row; `prelude` are statements that must run before it in the same session or script. */
export type ChecksumSql = { readonly prelude: readonly string[]; readonly checksum: string }

export type ChecksumDialect = {
  readonly prelude: (columns: readonly ChecksumColumn[]) => readonly string[]
  /** The canonical encoding of a value that is not NULL. */
  readonly item: (column: ChecksumColumn) => string
  readonly orNull: (sql: string, item: string) => string
  readonly concat: (items: readonly string[]) => string
  /** The hash of `row` without its last `tail` bytes. */
  readonly hash: (row: string, tail: string) => string
}

/**
 * SQL for the checksum of a row over its columns in their order: SHA-256 of their canonical encoding (canonical.ts) without the
 * NULLs at the end, the same that `CanonicalEncoder.digest(true)` gives. A NULL column added at the end changes no checksum;
 * any other change of a value, a type or the order of the columns does.
 *
 * The text grows with the number of columns, not with its square: all NULLs are written, one byte each, and as many bytes
 * as there are NULLs at the end are cut off.
 */
export function rowChecksumSql(dialect: ChecksumDialect, columns: readonly ChecksumColumn[]): ChecksumSql {
  const items = columns.map((column) => dialect.orNull(column.sql, dialect.item(column)))
  const last = columns.map(({ sql }, i) => `CASE WHEN ${sql} IS NULL THEN 0 ELSE ${i + 1} END`)
  const tail = `${columns.length} - ${last.length === 1 ? last[0] : `GREATEST(${last.join(', ')})`}`
  return { prelude: dialect.prelude(columns), checksum: dialect.hash(dialect.concat(items), tail) }
}

/** SQL for the id of a row that has a key: the digest of the key's values, `CanonicalEncoder.digest(false)`. */
export function keyDigestSql(dialect: ChecksumDialect, columns: readonly ChecksumColumn[]): string {
  const items = columns.map((column) => dialect.orNull(column.sql, dialect.item(column)))
  return dialect.hash(dialect.concat(items), '0')
}

const tags: Readonly<Record<Exclude<ColumnType, 'boolean'>, string>> = {
  integer: 'i',
  double: 'd',
  decimal: 'm',
  string: 's',
  json: 'j',
  bytes: 'b',
  timestamp: 'u',
  date: 'y',
}

/** Gives bytea. Needs Postgres 13 (trim_scale) and `extra_float_digits` of at least 1, the default. */
export const postgresChecksum: ChecksumDialect = {
  prelude: () => [],
  item({ type, sql }) {
    if (type === 'boolean') return `CASE WHEN ${sql} THEN 'T'::bytea ELSE 'F'::bytea END`
    if (type === 'bytes') return `convert_to('b' || octet_length(${sql}) || ':', 'UTF8') || ${sql}`
    const isText = type === 'string' || type === 'json' || type === 'decimal'
    const text = isText ? sql : type === 'double' ? postgresDoubleText(sql) : `(${sql})::text`
    const payload = `convert_to(${text}, 'UTF8')`
    return `convert_to('${tags[type]}' || octet_length(${payload}) || ':', 'UTF8') || ${payload}`
  },
  orNull: (sql, item) => `CASE WHEN ${sql} IS NULL THEN 'n'::bytea ELSE ${item} END`,
  concat: (items) => items.map((item) => `(${item})`).join(' || '),
  hash: (row, tail) =>
    `(SELECT sha256(substr(v.bytes, 1, length(v.bytes) - v.tail)) FROM (VALUES (${row}, ${tail})) AS v (bytes, tail))`,
}

/**
 * JavaScript's text of a double. Postgres prints the shortest digits too, in another layout, and never takes the end of the
 * interval that reads back as the double: 1e23 is 9.999999999999999e+22 there. Only from 2^53 on can such an end be shorter;
 * from there the fewest digits that read back are searched.
 */
function postgresDoubleText(sql: string): string {
  const text = `(${sql})::text`
  return [
    `CASE WHEN ${sql} = 0 OR ${text} IN ('NaN', 'Infinity', '-Infinity') THEN ${text}`,
    `WHEN abs(${sql}) >= 9007199254740992 THEN ${postgresHugeText(sql)}`,
    `WHEN abs(${sql}) < 1e-6 THEN regexp_replace(${text}, 'e-0+', 'e-')`,
    `ELSE trim_scale(${text}::numeric)::text END`,
  ].join(' ')
}

function postgresHugeText(sql: string): string {
  const exact = `(${sql})::text::numeric`
  const rounded = `SELECT round(${exact}, p - length(trunc(abs(${exact}))::text)) AS r, p FROM generate_series(1, 17) AS p`
  const digits = `rtrim(abs(h.r)::text, '0')`
  const fraction = `CASE WHEN length(${digits}) > 1 THEN '.' || substr(${digits}, 2) ELSE '' END`
  const scientific = `CASE WHEN h.r < 0 THEN '-' ELSE '' END || left(${digits}, 1) || ${fraction} || 'e+' || (length(abs(h.r)::text) - 1)`
  return [
    `(SELECT CASE WHEN abs(h.r) < 1e21 THEN h.r::text ELSE ${scientific} END FROM (${rounded}) AS h`,
    `WHERE CASE WHEN abs(h.r) <= 1.7976931348623157e308 THEN h.r::float8 = ${sql} ELSE false END ORDER BY h.p LIMIT 1)`,
  ].join(' ')
}

/**
 * Gives BYTES. A double is encoded by 17 digits, which tell any two doubles apart but are not JavaScript's text: a function that
 * prints that would make a script of the one statement that compares a table. So checksums of tables with doubles compare with
 * BigQuery's only.
 */
export const bigqueryChecksum: ChecksumDialect = {
  prelude: () => [],
  item({ type, sql }) {
    if (type === 'boolean') return `IF(${sql}, b'T', b'F')`
    if (type === 'bytes') return `CONCAT(CAST(CONCAT('b', CAST(BYTE_LENGTH(${sql}) AS STRING), ':') AS BYTES), ${sql})`
    const isText = type === 'string' || type === 'json' || type === 'decimal'
    const text = isText ? sql : type === 'double' ? `FORMAT('%.17g', ${sql})` : `CAST(${sql} AS STRING)`
    return `CAST(CONCAT('${tags[type]}', CAST(BYTE_LENGTH(${text}) AS STRING), ':', ${text}) AS BYTES)`
  },
  orNull: (sql, item) => `IF(${sql} IS NULL, b'n', ${item})`,
  concat: (items) => `CONCAT(${items.join(', ')})`,
  hash: (row, tail) =>
    `(SELECT SHA256(SUBSTR(v.bytes, 1, BYTE_LENGTH(v.bytes) - v.tail)) FROM UNNEST([STRUCT(${row} AS bytes, ${tail} AS tail)]) AS v)`,
}

/** From here on a text stands in Redshift's row by its hash, which is as long. */
const redshiftTextMax = 64

/**
 * Gives hexadecimal text, to be compared with Redshift's own only. Three things are its own. The values stand in reverse, so that
 * the NULLs at the end come first and are cut off without writing the row twice: statements are bounded there. A double is encoded by the 17 digits
 * that Redshift prints, which tell any two doubles apart but are not JavaScript's text. And since 65,535 bytes are the longest
 * VARCHAR that it builds, a text of more than 64 bytes stands in the row by its SHA-256 under a tag of its own:
 *
 *   value = ... | ('S' | 'J') 64 hexadecimal digits      string, json
 *
 * The tag and the fixed length keep it injective as far as SHA-256 is; a value then takes 68 bytes at most, so that every row
 * of up to 960 columns has a checksum, however long its texts are. There are no columns of bytes: VARBYTE is refused when a sync
 * is made.
 */
export const redshiftChecksum: ChecksumDialect = {
  prelude: (columns) => (columns.some(({ type }) => type === 'double') ? ['SET extra_float_digits TO 2'] : []),
  item({ type, sql }) {
    if (type === 'boolean') return `CASE WHEN ${sql} THEN 'T' ELSE 'F' END`
    const isText = type === 'string' || type === 'json' || type === 'decimal'
    const text = isText ? sql : `CAST(${sql} AS VARCHAR)`
    const whole = `'${tags[type]}' || CAST(OCTET_LENGTH(${text}) AS VARCHAR) || ':' || ${text}`
    if (type !== 'string' && type !== 'json') return whole
    const hashed = `'${tags[type].toUpperCase()}' || SHA2(${text}, 256)`
    return `CASE WHEN OCTET_LENGTH(${text}) > ${redshiftTextMax} THEN ${hashed} ELSE ${whole} END`
  },
  orNull: (sql, item) => `CASE WHEN ${sql} IS NULL THEN 'n' ELSE ${item} END`,
  concat: (items) =>
    items
      .map((item) => `(${item})`)
      .reverse()
      .join(' || '),
  hash: (row, tail) => `SHA2(SUBSTRING(${row}, 1 + ${tail}), 256)`,
}

/**
 * Gives hexadecimal text. A double is encoded by the digits that Databricks prints, which read back as the same double but are
 * not JavaScript's text; so checksums of tables with doubles compare with Databricks' only.
 */
export const databricksChecksum: ChecksumDialect = {
  prelude: () => [],
  item({ type, sql }) {
    if (type === 'boolean') return `CAST(CASE WHEN ${sql} THEN 'T' ELSE 'F' END AS BINARY)`
    if (type === 'bytes')
      return `CONCAT(CAST(CONCAT('b', CAST(OCTET_LENGTH(${sql}) AS STRING), ':') AS BINARY), ${sql})`
    const isText = type === 'string' || type === 'json' || type === 'decimal'
    const text = isText ? sql : `CAST(${sql} AS STRING)`
    return `CAST(CONCAT('${tags[type]}', CAST(OCTET_LENGTH(${text}) AS STRING), ':', ${text}) AS BINARY)`
  },
  orNull: (sql, item) => `CASE WHEN ${sql} IS NULL THEN CAST('n' AS BINARY) ELSE ${item} END`,
  concat: (items) => `CONCAT(${items.join(', ')})`,
  // Databricks computes an expression that stands twice once.
  hash: (row, tail) => `SHA2(SUBSTRING(${row}, 1, OCTET_LENGTH(${row}) - (${tail})), 256)`,
}
