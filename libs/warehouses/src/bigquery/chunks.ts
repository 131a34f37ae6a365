import type { ChunkSpec } from '../warehouse.ts'

/** The rows of one stream of the plan's session. */
export type StreamChunk = { readonly stream: string }

/** Rows [start, start + count) of the results. */
export type BigQueryChunk = { readonly start: number; readonly count: number }

/** A plan is one value of the store; beyond this, chunks grow. */
const chunksMax = 10_000

export function chunksOf(rows: number, chunkRows: number): readonly BigQueryChunk[] {
  const size = Math.max(chunkRows, Math.ceil(rows / chunksMax))
  const chunks: BigQueryChunk[] = []
  for (let start = 0; start < rows; start += size) chunks.push({ start, count: Math.min(size, rows - start) })
  return chunks
}

/** As many chunks as before, since their number was stored with the run: the last one takes what is more. */
export function chunksAgain(before: readonly ChunkSpec[], rows: number): readonly BigQueryChunk[] {
  const first = (before[0] ?? {}) as Partial<BigQueryChunk>
  const size = first.count ?? Math.ceil(rows / Math.max(before.length, 1))
  return before.map((_, i) => {
    const start = Math.min(i * size, rows)
    return { start, count: i === before.length - 1 ? rows - start : Math.min(size, rows - start) }
  })
}
