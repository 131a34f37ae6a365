import { writeFileSync } from 'node:fs'
import path from 'node:path'
import type { StandIn, StandInKind, StandInRequest } from './stand-in.ts'
import { startBigQuery } from './start-bigquery.ts'
import { startRedshift } from './start-redshift.ts'

const kinds: Readonly<Record<StandInKind, (request: StandInRequest) => Promise<StandIn>>> = {
  bigquery: startBigQuery,
  redshift: startRedshift,
}

/**
 * A stand-in in a process of its own, so that its CPU and memory are not taken for those of Millrace: `stand-in-main.ts KIND DIR ROWS SEED`.
 * Writes DIR/address.json when the table is filled; changes rows on SIGUSR2 and writes DIR/changed when that is done.
 */
const [kind, dir, rows, seed] = process.argv.slice(2)
const start = kinds[kind as StandInKind]
if (start === undefined || dir === undefined) throw new Error(`no stand-in for ${kind}`)
const standIn = await start({ dir, rows: Number(rows), seed: Number(seed) })
process.on('SIGUSR2', () => {
  void standIn.change().then(() => writeFileSync(path.join(dir, 'changed'), ''))
})
process.on('SIGTERM', () => {
  void standIn.close().then(() => process.exit(0))
})
const { env, source, table } = standIn
writeFileSync(path.join(dir, 'address.json'), JSON.stringify({ env, source, table }), { mode: 0o600 })
