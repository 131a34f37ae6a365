import { invalidQuery } from './api-error.ts'

/** A pattern of tables between backticks, after the project. */
const pattern = /`([^`*]+)`\.`(\w+)`\.`(\w+)\*`/g

/** Days that a query asks for by its conditions on the day; other days of a pattern are not read. */
const condition = /`event_date` (>=?|<=?) DATE '(\d{4})-(\d{2})-(\d{2})'/g

/**
 * Patterns of tables (`events_20*`) as a union of the tables that they match, each row with its `_TABLE_SUFFIX`, and the functions
 * that the flattening of Google Analytics 4 exports uses, in DuckDB's words. Queries without a pattern stay as they are.
 * https://cloud.google.com/bigquery/docs/querying-wildcard-tables
 */
export function expandWildcards(sql: string, tablesOf: (dataset: string) => readonly WildcardTable[]): string {
  if (sql.search(pattern) < 0) return sql
  const expanded = sql.replace(pattern, (_, project: string, dataset: string, prefix: string) => {
    const matching = tablesOf(dataset).filter(({ name }) => name.startsWith(prefix))
    if (matching.length === 0) throw invalidQuery(`${project}:${dataset}.${prefix}* does not match any table.`)
    const view = matching.find(({ kind }) => kind !== 'TABLE')
    if (view !== undefined)
      throw invalidQuery(`Views cannot be queried through prefix. Matched views are: ${view.name}`)
    const suffixes = matching.map(({ name }) => name.slice(prefix.length))
    const read = suffixes.filter((suffix) => isAsked(sql, prefix, suffix))
    // A pattern that is filtered to nothing still has its columns.
    const chosen = read.length > 0 ? read : suffixes.slice(0, 1)
    const none = read.length > 0 ? '' : ' WHERE false'
    const selects = chosen.map(
      (suffix) =>
        `SELECT *, '${suffix}' AS _TABLE_SUFFIX FROM \`${project}\`.\`${dataset}\`.\`${prefix}${suffix}\`${none}`,
    )
    return `(${selects.join(' UNION ALL BY NAME ')})`
  })
  return expanded
    .replace(/UNNEST\((`\w+`)\) AS (\w+) WITH OFFSET AS (\w+)/g, (_, list, item, at) => {
      return `(SELECT UNNEST(${list}) AS ${item}, generate_subscripts(${list}, 1) AS ${at})`
    })
    .replaceAll('SAFE.PARSE_DATE(', 'bq_parse_date(')
    .replaceAll('TIMESTAMP_MICROS(', 'make_timestamptz(')
    .replaceAll('REGEXP_CONTAINS(', 'regexp_matches(')
    .replaceAll('JSON_OBJECT(', 'bq_json_object(')
}

export type WildcardTable = { readonly name: string; readonly kind: string }

function isAsked(sql: string, prefix: string, suffix: string): boolean {
  const one = /_TABLE_SUFFIX = '(\w+)'/.exec(sql)
  if (one !== null) return one[1] === suffix
  const day = `${prefix}${suffix}`.slice(-8)
  if (!/^\d{8}$/.test(day)) return true
  return [...sql.matchAll(condition)].every(([, sign = '', year = '', month = '', date = '']) => {
    const bound = year + month + date
    if (day === bound) return sign.endsWith('=')
    return sign.startsWith('>') ? day > bound : day < bound
  })
}
