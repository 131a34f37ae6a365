import { readdir } from 'node:fs/promises'
import { planSmallTable } from '../plan-small-table.ts'
import { tryStep } from '../set-up/try-step.ts'
import type { TableRef, Warehouse } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'
import { readCsv } from './read-csv.ts'

const schema = 'files'

/** Each method reads the whole file. Its version is the pin: whoever reads with the same pin reads the same rows. */
export function openCsv(folder: string): Warehouse {
  const names = async () => {
    const files = await readdir(folder).catch((cause) => {
      throw new WarehouseError('database_not_found', 'There is no such folder.', 'Make it.', { cause })
    })
    return files.filter((file) => file.endsWith('.csv')).map((file) => file.slice(0, -'.csv'.length))
  }
  const pinned = async (table: TableRef) => {
    const { version, table: found } = await readCsv(folder, table)
    return { found, pin: { shared: version, close: async () => undefined } }
  }
  return {
    kind: 'csv',
    testConnection: async (_signal, table) => [
      await tryStep('folder', { setUpStep: 'files', work: () => (table ? readCsv(folder, table) : names()) }),
    ],
    listSchemas: async () => [schema],
    listTables: async () => (await names()).map((name) => ({ schema, name, kind: 'table', rowsEstimate: null })),
    describeTable: async (table) => (await readCsv(folder, table)).table.description,
    preview: async (table, identity, rowsMax, sink) =>
      await (await readCsv(folder, table)).table.handOver(sink, { range: null, identity, rowsMax }),
    estimate: async () => null,
    plan: async (request) => {
      const { found, pin } = await pinned(request.table)
      return { plan: planSmallTable(request, found), pin }
    },
    repin: async (plan) => {
      const { found, pin } = await pinned(plan.table)
      if (found.schemaFingerprint === plan.schemaFingerprint) return { plan, pin, rereadAll: true }
      throw new WarehouseError(
        'schema_changed',
        'The columns changed while the run read them.',
        'Start the sync again.',
      )
    },
    readChunk: async (plan, _chunk, pin, sink) =>
      await (await readCsv(folder, plan.table, pin)).table.handOver(sink, plan),
    countIdentical: async ({ table, range }, pin) => {
      const { table: found } = await readCsv(folder, table, pin)
      return found.count(range, false) - found.count(range, true)
    },
    cleanUp: async () => undefined,
    close: async () => undefined,
  }
}
