import type { TableRef } from './warehouse.ts'

/** A table's name for people: one line, of bearable length. */
export function shown(table: TableRef): string {
  const text = JSON.stringify(`${table.schema}.${table.name}`)
  return text.length > 150 ? `${text.slice(0, 150)}…` : text
}
