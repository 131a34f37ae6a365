import type { ChangeSink } from '../change-sink.ts'
import { identityOf, positionsOf } from '../columns-by-name.ts'
import type { ReadResult, TableRef } from '../warehouse.ts'
import { type Catalog, findTable } from './catalog.ts'
import { quoteTable } from './identifiers.ts'
import { RowEncoder } from './row-encoder.ts'
import { previewStatement } from './statements.ts'

export type PreviewRequest = {
  readonly table: TableRef
  readonly identity: readonly string[]
  readonly rowsMax: number
  readonly sink: ChangeSink
}

/** The first rows of a table. */
export async function preview(
  place: Catalog,
  { table, identity, rowsMax, sink }: PreviewRequest,
  signal: AbortSignal,
): Promise<ReadResult> {
  const found = await findTable(place, table, signal)
  const rules = found.columns.map(({ rule }) => rule)
  const encoder = new RowEncoder(rules, positionsOf(identityOf({ identity }, found), found.columns))
  const reading = { from: quoteTable(place.catalog, table), columns: found.columns, range: null }
  const rows = await place.client.ask(previewStatement(reading, rowsMax), signal)
  for (const row of rows) {
    encoder.encode(row)
    encoder.identify(row)
    if (!sink.insert(encoder.rowId, encoder.writer.buffer, 0, encoder.writer.length)) await sink.drained()
  }
  return { rows: rows.length }
}
