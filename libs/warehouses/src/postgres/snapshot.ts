import type { Pin } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'
import type { Session } from './connect.ts'

/** The transaction all rows of a run are read in, or in copies of: its first statement fixes the snapshot. */
export async function beginSnapshot(session: Session): Promise<void> {
  await session.client.query('BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY')
}

/** Names the transaction's snapshot for other connections. It dies with the session: whoever closes it ends the pin. */
export async function exportSnapshot(session: Session): Promise<Pin> {
  const { rows } = await session.client.query<{ name: string }>('SELECT pg_export_snapshot() AS name')
  return { shared: rows[0]!.name, close: () => session.end() }
}

/** A transaction that sees what the pin sees. Throws `pin_lost` when the session that exported it is gone. */
export async function joinSnapshot(session: Session, shared: string | null): Promise<void> {
  // The name goes into the statement as text; this is the form that Postgres gives it.
  if (shared === null || !/^[0-9A-F]{1,16}(-[0-9A-F]{1,16}){1,3}$/.test(shared)) throw pinLost()
  await beginSnapshot(session)
  try {
    await session.client.query(`SET TRANSACTION SNAPSHOT '${shared}'`)
  } catch (error) {
    // A server or a connection that failed is another matter and tried again; any other refusal means the snapshot.
    if (/^(42|22|55|25)/.test((error as { code?: string }).code ?? '')) throw pinLost(error)
    throw error
  }
}

function pinLost(cause?: unknown): WarehouseError {
  return new WarehouseError(
    'pin_lost',
    'The snapshot of the run is gone: the connection that held it has ended.',
    'The run pins itself again and reads its chunks anew.',
    { cause },
  )
}
