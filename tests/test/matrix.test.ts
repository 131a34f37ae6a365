import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { cellsOf, expectedOf } from '../src/matrix/expected-cells.ts'
import { type MatrixWarehouse, matrixWarehouses } from '../src/matrix/matrix-warehouses.ts'
import { verifyCells } from '../src/matrix/verify-cells.ts'
import { type MirrorStack, startMirrorStack } from '../src/mirror/start-mirror-stack.ts'

const names = ['postgres', 'csv'] as const
const dir = mkdtempSync(path.join(tmpdir(), 'millrace-matrix-'))
const open: MatrixWarehouse[] = []
let started: MirrorStack
before(
  async () => {
    for (const name of names) open.push(await matrixWarehouses[name]!())
    started = await startMirrorStack(dir, open)
  },
  { timeout: 180_000 },
)
after(async () => {
  await started?.stop()
  for (const warehouse of open) await warehouse.close()
  rmSync(dir, { recursive: true, force: true })
})

/** `npm run verify:matrix` runs all cells on all warehouses. */
for (const name of names) {
  test(`${name}: each kind of table runs in each mode that it has with exact counts, and every other cell is refused by its rule`, async () => {
    const warehouse = open.find(({ kind }) => kind === name)!
    const cells = cellsOf(name).filter((cell) => cell.schedule === 'api' || expectedOf(cell) !== 'runs')
    const lines: string[] = []
    const wrong = await verifyCells(started, warehouse, { cells, concurrency: 6, say: (line) => lines.push(line) })
    assert.deepEqual(wrong, [], lines.join('\n'))
  })
}
