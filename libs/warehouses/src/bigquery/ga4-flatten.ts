import { ga4DayColumn, ga4PropertiesColumn } from '@millrace/domain/sync/ga4.ts'
import type { TableColumn } from './catalog.ts'
import { quoteColumn } from './identifiers.ts'
import { type ApiField, ruleOf, sourceTypeOf } from './types.ts'

/** Google adds to a day's table for three days after it. https://support.google.com/analytics/answer/7029846 */
const lateMs = 3 * 86_400_000

/** Beside the event parameters, a user property has this before its key. */
const userPrefix = 'user_property_'

/** The columns of a Google Analytics 4 export made flat, and the expressions behind SELECT that give them, in the same order. */
export type Flattened = { readonly columns: readonly TableColumn[]; readonly select: string }

/**
 * - `event_date` becomes the DATE of the daily table, `event_timestamp` a TIMESTAMP;
 * - `event_params` and `user_properties` become one JSON column `properties` with a key per parameter and a key with
 *   `user_property_` before it per user property. Keys are sorted, so that a table written again gives the same text;
 * - structs become columns of their own: `device_category`, `device_web_info_browser`;
 * - `items` and other lists stay lists of objects.
 */
export function flattenGa4(fields: readonly ApiField[]): Flattened {
  const columns: TableColumn[] = []
  const expressions: string[] = []
  const add = (name: string, expression: string, column: Omit<TableColumn, 'name'>) => {
    const free = freeName(name, columns)
    columns.push({ name: free, ...column })
    expressions.push(`${expression} AS ${quoteColumn(free)}`)
  }
  add(ga4DayColumn, `SAFE.PARSE_DATE('%Y%m%d', CONCAT('20', _TABLE_SUFFIX))`, {
    sourceType: 'DATE',
    nullable: false,
    rule: 'date',
    overlapMsMin: lateMs,
  })
  const walk = (field: ApiField, path: readonly string[]) => {
    const here = [...path, field.name]
    const value = here.map(quoteColumn).join('.')
    if (field.type === 'RECORD' && field.mode !== 'REPEATED') {
      for (const inner of field.fields ?? []) walk(inner, here)
      return
    }
    const isTime = here.length === 1 && field.name === 'event_timestamp'
    add(here.join('_'), isTime ? `TIMESTAMP_MICROS(${value})` : value, {
      sourceType: isTime ? 'TIMESTAMP' : sourceTypeOf(field),
      nullable: path.length > 0 || field.mode !== 'REQUIRED',
      rule: isTime ? 'timestamp' : (ruleOf(field) ?? 'json'),
    })
  }
  const bags = fields.filter(isBag)
  for (const field of fields) {
    if (field.name === ga4DayColumn) continue
    if (field === bags[0])
      add(ga4PropertiesColumn, propertiesOf(bags), { sourceType: 'JSON', nullable: false, rule: 'json' })
    if (!isBag(field)) walk(field, [])
  }
  return { columns, select: expressions.join(',\n  ') }
}

function isBag({ name, mode }: ApiField): boolean {
  return mode === 'REPEATED' && (name === 'event_params' || name === 'user_properties')
}

/** JSON_OBJECT keeps the first of two values with one key. */
function propertiesOf(bags: readonly ApiField[]): string {
  const listsOf = (expression: (bag: ApiField) => string) => {
    const lists = bags.map((bag) => `ARRAY(SELECT ${expression(bag)} FROM ${unnest(bag)} ORDER BY p.key, o)`)
    return lists.length === 1 ? lists[0] : `ARRAY_CONCAT(\n    ${lists.join(',\n    ')})`
  }
  const keys = listsOf(({ name }) => (name === 'user_properties' ? `CONCAT('${userPrefix}', p.key)` : 'p.key'))
  return `JSON_OBJECT(\n    ${keys},\n    ${listsOf(typedValue)})`
}

function unnest({ name }: ApiField): string {
  return `UNNEST(${quoteColumn(name)}) AS p WITH OFFSET AS o`
}

const valueTypes = ['string_value', 'int_value', 'float_value', 'double_value'] as const

/** One of the typed values is there; JSON's null when none is. */
function typedValue({ fields = [] }: ApiField): string {
  const there = fields.find(({ name }) => name === 'value')?.fields ?? []
  const known = valueTypes.filter((type) => there.some(({ name }) => name === type)).map((type) => `p.value.${type}`)
  const cases = known.slice(0, -1).map((value) => `WHEN ${value} IS NOT NULL THEN TO_JSON(${value})`)
  const last = `TO_JSON(${known.at(-1) ?? 'CAST(NULL AS STRING)'})`
  return cases.length === 0 ? last : `CASE ${cases.join(' ')} ELSE ${last} END`
}

function freeName(name: string, taken: readonly TableColumn[]): string {
  let free = name
  while (taken.some((column) => column.name.toLowerCase() === free.toLowerCase())) free += '_'
  return free
}
