import type { ChangeSink } from '../change-sink.ts'
import { identityOf, positionsOf } from '../columns-by-name.ts'
import type { ReadResult, TableRef } from '../warehouse.ts'
import { findTable } from './catalog.ts'
import type { RedshiftClient, Value } from './client.ts'
import { RowEncoder } from './row-encoder.ts'
import { RowLines } from './row-lines.ts'
import { ask } from './run-step.ts'
import { prelude, previewStatement } from './statements.ts'

export type PreviewRequest = {
  readonly table: TableRef
  readonly identity: readonly string[]
  readonly rowsMax: number
  readonly sink: ChangeSink
}

/** The first rows of a table, straight from the Data API; they are written as a file has them, so one reader serves both. */
export async function preview(
  client: RedshiftClient,
  { table, identity, rowsMax, sink }: PreviewRequest,
  signal: AbortSignal,
): Promise<ReadResult> {
  const found = await findTable(client, table, signal)
  const rules = found.columns.map(({ rule }) => rule)
  const encoder = new RowEncoder(rules, positionsOf(identityOf({ identity }, found), found.columns))
  const lines = new RowLines(rules.length)
  const rows = await ask(client, [...prelude(rules), previewStatement(table, found.columns, rowsMax)], signal)
  for (const row of rows) {
    lines.add(Buffer.from(`${row.map(fieldOf).join('|')}\n`))
    lines.next()
    encoder.encode(lines, 0)
    encoder.identify(lines, 0)
    if (!sink.insert(encoder.rowId, encoder.writer.buffer, 0, encoder.writer.length)) await sink.drained()
  }
  return { rows: rows.length }
}

function fieldOf(value: Value): string {
  return value === null ? '' : String(value).replace(/[\\|\n\r]/g, '\\$&')
}
