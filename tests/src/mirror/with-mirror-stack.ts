import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before } from 'node:test'
import type { MirrorWarehouse } from './mirror-warehouse.ts'
import type { MirrorBase } from './mirror-world.ts'
import { type MirrorWarehouseName, mirrorWarehouses } from './open-mirror-warehouse.ts'
import { type MirrorStack, startMirrorStack } from './start-mirror-stack.ts'

const START_MS = 180_000

/** Not Databricks: its Spark is set up and started for `npm run verify:mirror` only. */
export const mirrorWarehouseNames: readonly MirrorWarehouseName[] = (
  Object.keys(mirrorWarehouses) as MirrorWarehouseName[]
).filter((name) => name !== 'databricks')

/** Starts one stack that reads from every warehouse before the tests of a file, and ends all after them. What it gives works inside of tests only. */
export function withMirrorStack(): (name: MirrorWarehouseName) => MirrorBase {
  const dir = mkdtempSync(path.join(tmpdir(), 'millrace-mirror-'))
  const open = new Map<MirrorWarehouseName, MirrorWarehouse>()
  let started: MirrorStack | undefined
  before(
    async () => {
      for (const name of mirrorWarehouseNames) open.set(name, await mirrorWarehouses[name]())
      started = await startMirrorStack(dir, [...open.values()])
    },
    { timeout: START_MS },
  )
  after(async () => {
    await started?.stop()
    for (const warehouse of open.values()) await warehouse.close()
    if (process.env.MILLRACE_KEEP === '1') console.error(`kept: ${dir}`)
    else rmSync(dir, { recursive: true, force: true })
  })
  return (name) => {
    const warehouse = open.get(name)
    if (started === undefined || warehouse === undefined) throw new Error('The stack is there inside of tests only')
    return { ...started, warehouse }
  }
}
