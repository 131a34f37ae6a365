import type { ChangeSink } from '../change-sink.ts'
import type { ReadResult } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'
import type { BigQueryClient } from './client.ts'
import { bigQueryError, refusalOf } from './errors.ts'
import type { ApiRow } from './row-encoder.ts'

/** Rows asked for at once; the service cuts a page at 10 MB by itself. */
const pageRows = 10_000

export type PagesRequest = {
  readonly stagingDataset: string
  readonly results: string
  /** Rows that the table of the results must have: another number means that it is another table. */
  readonly rowsTotal: number
  readonly start: number
  readonly count: number
  /** Hands a row to the sink; false = the sink asks to wait. */
  readonly take: (row: ApiRow) => boolean
  readonly sink: ChangeSink
  readonly signal: AbortSignal
}

/**
 * Hands the rows [start, start + count) of a run's results to the sink. Pages are asked for by the number of their first
 * row, so there are no tokens that could expire, and a chunk that is read again gets the same rows: nobody writes to the
 * table. The next page is on its way while one is worked on. Throws `pin_lost` when the table is gone.
 */
export async function readPages(client: BigQueryClient, request: PagesRequest): Promise<ReadResult> {
  const { start, count, signal, rowsTotal } = request
  const end = start + count
  let at = start
  let next = at < end ? fetchPage(client, request, at) : null
  while (next !== null) {
    const { rows = [], totalRows }: ApiPage = await next
    if (Number(totalRows) !== rowsTotal) throw pinLost()
    if (rows.length === 0 || rows.length > end - at) throw shortOfRows()
    at += rows.length
    next = at < end ? fetchPage(client, request, at) : null
    // Its failure is met when its turn comes.
    next?.catch(() => undefined)
    await handOver(rows, request)
    signal.throwIfAborted()
  }
  return { rows: count }
}

type ApiPage = { readonly rows?: readonly ApiRow[]; readonly totalRows?: string }

async function fetchPage(client: BigQueryClient, request: PagesRequest, at: number): Promise<ApiPage> {
  const { stagingDataset, results, start, count, signal } = request
  const query = { startIndex: at, maxResults: Math.min(pageRows, start + count - at), prettyPrint: false }
  try {
    const path = `/datasets/${stagingDataset}/tables/${results}/data`
    return JSON.parse((await client.bytes({ path, query }, signal)).toString('utf8')) as ApiPage
  } catch (error) {
    signal.throwIfAborted()
    if (refusalOf(error).status === 404) throw pinLost(error)
    throw bigQueryError(error)
  }
}

async function handOver(rows: readonly ApiRow[], { take, sink, signal }: PagesRequest): Promise<void> {
  for (let i = 0; i < rows.length; i++) {
    if (take(rows[i]!)) continue
    await sink.drained()
    signal.throwIfAborted()
  }
}

export function pinLost(cause?: unknown): WarehouseError {
  return new WarehouseError(
    'pin_lost',
    'The rows that the run has set aside are gone from the staging dataset.',
    'The run sets them aside again, as they were then, and reads its chunks anew.',
    { cause },
  )
}

function shortOfRows(): WarehouseError {
  return new WarehouseError(
    'protocol_error',
    'BigQuery gave another number of rows than were asked for.',
    'It is tried again; if it happens again, report it with the log of the extractor.',
  )
}
