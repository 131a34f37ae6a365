import { closestName } from '../mapping/validate.ts'
import type { ColumnType, RowSchema } from '../row-schema.ts'

const ordered: readonly ColumnType[] = ['timestamp', 'date']

export type InsertTimeProblem = {
  readonly path: 'insertTimeColumn'
  readonly code: 'column_missing' | 'column_type'
  readonly message: string
  readonly hint: string
}

/** What is wrong with the insert-time column of an append sync; null when rows can be found by it. */
export function checkInsertTime(column: string, schema: RowSchema): InsertTimeProblem | null {
  const found = schema.columns.find(({ name }) => name === column)
  const fitting = schema.columns.filter(({ type }) => ordered.includes(type)).map(({ name }) => JSON.stringify(name))
  const columnsThatFit =
    fitting.length > 0 ? `Columns that fit: ${fitting.join(', ')}.` : 'The table has none that fits.'
  if (found === undefined) {
    const names = schema.columns.map(({ name }) => name)
    const closest = closestName(column, names)
    return {
      path: 'insertTimeColumn',
      code: 'column_missing',
      message: `${JSON.stringify(schema.table)} has no column ${JSON.stringify(column)}.`,
      hint: closest === undefined ? columnsThatFit : `Did you mean ${JSON.stringify(closest)}?`,
    }
  }
  if (ordered.includes(found.type)) return null
  return {
    path: 'insertTimeColumn',
    code: 'column_type',
    message: `insertTimeColumn needs a column of type timestamp or date, but ${JSON.stringify(column)} is ${found.type} (${found.sourceType}).`,
    hint: columnsThatFit,
  }
}
