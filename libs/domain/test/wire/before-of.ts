import type { RowSchema } from '@millrace/domain/row-schema.ts'

/** The half of a table that its before-images hold. */
export function beforeOf(schema: RowSchema): RowSchema {
  return { ...schema, columns: schema.columns.filter((_, i) => i % 2 === 1).reverse() }
}
