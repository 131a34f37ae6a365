import type { ChangeSink } from '../change-sink.ts'
import { identityOf, positionsOf } from '../columns-by-name.ts'
import type { ReadResult, TableRef } from '../warehouse.ts'
import { findTable } from './catalog.ts'
import type { SnowflakeClient } from './client.ts'
import { RowEncoder } from './row-encoder.ts'
import { previewStatement } from './statements.ts'

export type PreviewRequest = {
  readonly table: TableRef
  readonly identity: readonly string[]
  readonly rowsMax: number
  readonly sink: ChangeSink
}

/** The first rows of a table, as a run would read them. */
export async function preview(
  client: SnowflakeClient,
  { table, identity, rowsMax, sink }: PreviewRequest,
  signal: AbortSignal,
): Promise<ReadResult> {
  const found = await findTable(client, table, signal)
  const rules = found.columns.map(({ rule }) => rule)
  const encoder = new RowEncoder(rules, positionsOf(identityOf({ identity }, found), found.columns), 0)
  const rows = await client.ask(previewStatement(client.options.database, table, found.columns, rowsMax), signal)
  for (const row of rows) {
    encoder.encode(row)
    encoder.identify(row)
    if (!sink.insert(encoder.rowId, encoder.writer.buffer, 0, encoder.writer.length)) await sink.drained()
  }
  return { rows: rows.length }
}
