import type { Kek } from '@millrace/secrets/kek.ts'
import { open } from '@millrace/secrets/open.ts'
import type { Database } from '@millrace/store/open-store.ts'
import { type SourceConnection, sourceConnection } from '@millrace/store/sources/source-connection.ts'
import { openWarehouse } from '@millrace/warehouses/open-warehouse.ts'
import type { OpenWarehouseRequest } from '@millrace/warehouses/open-warehouse-request.ts'
import type { Warehouse } from '@millrace/warehouses/warehouse.ts'
import { keptReader } from './kept-in-store.ts'

type OpenSource = { readonly version: string; readonly warehouse: Promise<Warehouse> }

/** Sources connected at the same time; beyond that the one opened first is retired. */
const openMax = 64

/**
 * Connections to the sources at work, opened once per version of a source: a changed password or host is taken up by
 * the next task. Secrets are opened here and go to the driver only.
 */
export class SourceConnections {
  readonly #open = new Map<string, OpenSource>()
  /** No longer given out, but tasks and pins may still read through them. */
  #retired: Promise<Warehouse>[] = []
  readonly #db: Database
  readonly #kek: Kek
  readonly #net: OpenWarehouseRequest['net']
  readonly #aws: OpenWarehouseRequest['aws']
  readonly #mirrorRowsMax: number | undefined

  constructor(
    db: Database,
    kek: Kek,
    {
      allowedCidrs,
      bigQueryEndpoint,
      bigQueryStorageEndpoint,
      awsEndpoint,
      csvDir,
      snowflakeEndpoint,
      databricksEndpoint,
      aws,
      mirrorRowsMax,
    }: OpenWarehouseRequest['net'] & Pick<OpenWarehouseRequest, 'aws' | 'mirrorRowsMax'>,
  ) {
    this.#db = db
    this.#kek = kek
    this.#net = {
      allowedCidrs,
      bigQueryEndpoint,
      bigQueryStorageEndpoint,
      csvDir,
      awsEndpoint,
      snowflakeEndpoint,
      databricksEndpoint,
    }
    this.#aws = aws
    this.#mirrorRowsMax = mirrorRowsMax
  }

  async get(sourceId: string): Promise<Warehouse> {
    const source = await sourceConnection(this.#db, sourceId)
    if (!source) throw new Error(`source ${sourceId} does not exist any more`)
    const version = source.updatedAt.toISOString()
    const known = this.#open.get(sourceId)
    if (known?.version === version) return known.warehouse
    if (known) this.#retire(sourceId, known)
    const opened: OpenSource = { version, warehouse: this.#connect(sourceId, source) }
    this.#open.set(sourceId, opened)
    opened.warehouse.catch(() => {
      if (this.#open.get(sourceId) === opened) this.#open.delete(sourceId)
    })
    if (this.#open.size > openMax) this.#retire(...this.#open.entries().next().value!)
    return opened.warehouse
  }

  /** Closes what is no longer given out; call it when no task and no pin is at work. */
  async closeRetired(): Promise<void> {
    await closeAll(this.#retired.splice(0))
  }

  async close(): Promise<void> {
    const all = [...this.#open.values()].map(({ warehouse }) => warehouse)
    this.#open.clear()
    await closeAll([...all, ...this.#retired.splice(0)])
  }

  #retire(sourceId: string, { warehouse }: OpenSource): void {
    this.#open.delete(sourceId)
    this.#retired.push(warehouse)
  }

  async #connect(sourceId: string, source: SourceConnection): Promise<Warehouse> {
    const secrets: Record<string, string> = {}
    for (const sealed of source.secrets) {
      secrets[sealed.field] = open({
        kek: this.#kek,
        tenant: source.projectId,
        owner: `source:${sourceId}`,
        field: sealed.field,
        sealed,
      })
    }
    return await openWarehouse({
      kind: source.warehouse,
      options: source.options,
      secrets,
      externalId: source.externalId,
      net: this.#net,
      aws: this.#aws,
      kept: keptReader(this.#db),
      mirrorRowsMax: this.#mirrorRowsMax,
      applicationName: 'millrace-extractor',
    })
  }
}

/** One that cannot be closed is gone already. */
async function closeAll(warehouses: readonly Promise<Warehouse>[]): Promise<void> {
  await Promise.allSettled(warehouses.map(async (warehouse) => (await warehouse).close()))
}
