import type { ReadPlan } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'
import { quoteIdentifier, quoteTable } from './identifiers.ts'
import { type TypeRuleName, typeRules } from './types.ts'

/** A part of a table: pages `from` up to `to` (null = to its end) of the heap and of each partition's, or all of it. */
export type PostgresChunk =
  | { readonly kind: 'pages'; readonly from: number; readonly to: number | null }
  | { readonly kind: 'whole' }

export type Statement = { readonly text: string; readonly values: readonly string[] }

/** The value of each column as it is read: the column itself, or the text form that its type's rule asks for. */
export function columnExpressions(
  columns: readonly { readonly name: string }[],
  rules: readonly TypeRuleName[],
): readonly string[] {
  return columns.map(({ name }, i) => {
    const { before, after } = typeRules[rules[i]!]
    return `${before}${quoteIdentifier(name)}${after}`
  })
}

export function rulesOf(plan: ReadPlan): readonly TypeRuleName[] {
  const { rules } = plan.pin
  const known =
    Array.isArray(rules) &&
    rules.length === plan.schema.columns.length &&
    rules.every((rule) => Object.hasOwn(typeRules, rule))
  if (!known) throw new Error('the plan is not one of a Postgres source')
  return rules as TypeRuleName[]
}

/** Reads the rows of one chunk. */
export function chunkStatement(plan: ReadPlan, chunk: PostgresChunk): Statement {
  const where = rangeCondition(plan.range)
  const conditions = [...where.conditions, ...pageConditions(chunk)]
  const expressions = columnExpressions(plan.schema.columns, rulesOf(plan))
  return {
    text: `SELECT ${expressions.join(', ')} FROM ${quoteTable(plan.table)}${whereClause(conditions)}`,
    values: where.values,
  }
}

/**
 * Counts the rows that are identical to an earlier one. Identical is what has the same texts in all columns, in the
 * form in which they are read: that tells apart what row ids tell apart (1.0 and 1.00, -0 and 0), and nothing else.
 */
export function identicalStatement(plan: ReadPlan): Statement {
  const where = rangeCondition(plan.range)
  const row = `ROW(${columnExpressions(plan.schema.columns, rulesOf(plan)).join(', ')})`
  return {
    text: `SELECT coalesce(sum(n - 1), 0)::text AS identical FROM (
      SELECT count(*) AS n FROM ${quoteTable(plan.table)}${whereClause(where.conditions)}
      GROUP BY md5(${row}::text)::uuid HAVING count(*) > 1) AS groups`,
    values: where.values,
  }
}

/** lo - overlap < t <= hi. Both bounds are texts in full precision, as parameters of the column's own type. */
export function rangeCondition(range: ReadPlan['range']): {
  readonly conditions: readonly string[]
  readonly values: readonly string[]
} {
  if (range === null || range.hi === null) return { conditions: [], values: [] }
  const column = quoteIdentifier(range.column)
  // Casting the column would keep its index from being used; the parameter takes the column's type by itself.
  if (range.lo === null) return { conditions: [`${column} <= $1`, `${column} > '-infinity'`], values: [range.hi] }
  const lo =
    range.overlapMs === 0
      ? '$2'
      : `($2::timestamptz AT TIME ZONE 'UTC') - interval '${overlapMillis(range.overlapMs)} milliseconds'`
  return { conditions: [`${column} <= $1`, `${column} > ${lo}`], values: [range.hi, range.lo] }
}

function overlapMillis(overlapMs: number): number {
  if (!Number.isSafeInteger(overlapMs) || overlapMs < 0) throw new Error(`${overlapMs} ms are no overlap`)
  return overlapMs
}

function pageConditions(chunk: PostgresChunk): readonly string[] {
  if (chunk.kind === 'whole') return []
  const conditions = [`ctid >= '(${page(chunk.from)},0)'::tid`]
  if (chunk.to !== null) conditions.push(`ctid < '(${page(chunk.to)},0)'::tid`)
  return conditions
}

function page(n: number): number {
  if (!Number.isInteger(n) || n < 0 || n > 0xffffffff)
    throw new WarehouseError('query_failed', 'The plan names a page that cannot be.', 'Plan the run again.')
  return n
}

function whereClause(conditions: readonly string[]): string {
  return conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`
}
