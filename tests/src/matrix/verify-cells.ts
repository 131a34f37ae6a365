import type { MirrorStack } from '../mirror/start-mirror-stack.ts'
import { type Cell, textOf } from './expected-cells.ts'
import type { MatrixWarehouse } from './matrix-warehouses.ts'
import { type MatrixPlace, runCell } from './run-cell.ts'

export type CellsAsked = {
  readonly cells: readonly Cell[]
  /** How many at once. */
  readonly concurrency: number
  readonly signal?: AbortSignal
  readonly say: (line: string) => void
}

/** Tries cells of one warehouse in a project of their own, one line each; gives those that are not what the guide says. */
export async function verifyCells(
  { stack, pipeline, ends }: MirrorStack,
  warehouse: MatrixWarehouse,
  { cells, concurrency, signal, say }: CellsAsked,
): Promise<readonly Cell[]> {
  const project = await pipeline.createProject(`matrix of ${warehouse.kind}`)
  const sourceId = await warehouse.createSource(stack, project)
  const quietHour = (new Date(Date.now()).getUTCHours() + 12) % 24
  const place: MatrixPlace = { pipeline, ends, warehouse, project, sourceId, quietHour }
  const wrong: Cell[] = []
  const left = [...cells.entries()]
  const work = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      signal?.throwIfAborted()
      const [number, cell] = next
      try {
        say(`ok     ${textOf(cell)}: ${await runCell(place, cell, number)}`)
      } catch (error) {
        wrong.push(cell)
        say(`WRONG  ${textOf(cell)}: ${error instanceof Error ? error.message : error}`)
      }
    }
  }
  await Promise.all(Array.from({ length: concurrency }, work))
  return wrong
}
