import { open } from '@millrace/secrets/open.ts'
import type { Kek } from '@millrace/secrets/kek.ts'
import type { Database } from '@millrace/store/open-store.ts'
import { sourceConnection } from '@millrace/store/sources/source-connection.ts'
import { openWarehouse } from '@millrace/warehouses/open-warehouse.ts'
import type { Warehouse } from '@millrace/warehouses/warehouse.ts'

/**
 * Connections to the sources at work, opened once per version of a source: a changed password or host is taken up by
 * the next task. Secrets are opened here and go to the driver only.
 */
export class SourceConnections {
  readonly #open = new Map<string, { version: string; warehouse: Promise<Warehouse> }>()
  readonly #db: Database
  readonly #kek: Kek
  readonly #allowedCidrs: readonly string[]

  constructor(db: Database, kek: Kek, allowedCidrs: readonly string[]) {
    this.#db = db
    this.#kek = kek
    this.#allowedCidrs = allowedCidrs
  }

  async get(sourceId: string): Promise<Warehouse> {
    const source = await sourceConnection(this.#db, sourceId)
    if (!source) throw new Error(`source ${sourceId} does not exist any more`)
    const version = source.updatedAt.toISOString()
    const known = this.#open.get(sourceId)
    if (known?.version === version) return known.warehouse
    const warehouse = this.#connect(sourceId, source)
    this.#open.set(sourceId, { version, warehouse })
    warehouse.catch(() => this.#open.delete(sourceId))
    await known?.warehouse.then((old) => old.close())
    return warehouse
  }

  async close(): Promise<void> {
    const all = [...this.#open.values()]
    this.#open.clear()
    await Promise.allSettled(all.map(async ({ warehouse }) => (await warehouse).close()))
  }

  async #connect(
    sourceId: string,
    source: NonNullable<Awaited<ReturnType<typeof sourceConnection>>>,
  ): Promise<Warehouse> {
    const secrets: Record<string, string> = {}
    for (const sealed of source.secrets) {
      secrets[sealed.field] = await open({
        kek: this.#kek,
        tenant: source.projectId,
        owner: `source:${sourceId}`,
        field: sealed.field,
        sealed,
      })
    }
    return openWarehouse({
      kind: source.warehouse,
      options: source.options,
      secrets,
      net: { allowedCidrs: this.#allowedCidrs },
      applicationName: 'millrace-extractor',
    })
  }
}
