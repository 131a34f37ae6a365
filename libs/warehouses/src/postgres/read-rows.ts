import type { ChangeSink } from '../change-sink.ts'
import type { ReadResult } from '../warehouse.ts'
import type { Session } from './connect.ts'
import { postgresError } from './errors.ts'
import { RowEncoder } from './row-encoder.ts'
import { RowStream } from './row-stream.ts'
import type { Statement } from './statements.ts'
import type { TypeRuleName } from './types.ts'

export type RowsRequest = {
  readonly statement: Statement
  readonly rules: readonly TypeRuleName[]
  /** Positions of the identity's columns; empty = the whole row. */
  readonly identity: readonly number[]
  readonly sink: ChangeSink
  readonly signal: AbortSignal
}

/** Runs a statement and hands its rows to the sink. Throws `WarehouseError`, or the signal's reason. */
export async function readRows(session: Session, request: RowsRequest): Promise<ReadResult> {
  const { statement, rules, identity, sink, signal } = request
  signal.throwIfAborted()
  const stream = new RowStream(statement.text, statement.values, new RowEncoder(rules, identity), sink)
  const onAbort = () => {
    stream.fail(signal.reason)
    void session.cancel()
  }
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    session.client.query(stream)
    return { rows: await stream.done }
  } catch (error) {
    // The server may be in the middle of millions of rows: it is told to stop, and the connection is not used again.
    if (!signal.aborted) await session.cancel()
    signal.throwIfAborted()
    if (stream.sinkFailure !== null) throw stream.sinkFailure
    throw postgresError(error)
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
