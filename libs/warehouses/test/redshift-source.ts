import { type RedshiftServer, startRedshiftServer } from '@millrace/testkit/redshift/redshift-server.ts'
import type { OpenWarehouseRequest } from '@millrace/warehouses/open-warehouse-request.ts'
import { openRedshift } from '@millrace/warehouses/redshift/open-redshift.ts'
import type { RedshiftOptions } from '@millrace/warehouses/redshift/options.ts'
import type { PlanRequest, ReadPlan, TableRef, Warehouse } from '@millrace/warehouses/warehouse.ts'
import { CollectingSink, type Row } from './collecting-sink.ts'
import { planRequest } from './plan-request.ts'

export const signal = AbortSignal.timeout(110_000)
export const externalId = '6f1d2f54-3a5c-4f0e-9d1f-0a4a3c1f0e11'

export const shopTable = (name: string): TableRef => ({ schema: 'shop', name })

type Step = 'set_aside' | 'snapshot' | 'unloaded'

/** A stand-in with a schema `shop` that may be read and a staging schema, and a source on it. */
export type RedshiftSource = {
  readonly server: RedshiftServer
  readonly warehouse: Warehouse
  /** Called after each step of a plan. */
  afterStep: ((step: Step) => void) | undefined
  /** As the owner of everything. */
  sql(text: string): Promise<readonly Readonly<Record<string, unknown>>[]>
  /** A table of `shop` that Millrace may read; its key is taken down, not enforced. */
  makeTable(name: string, columns: string, key?: readonly string[]): Promise<void>
  makeView(name: string, query: string): Promise<void>
  open(options?: Partial<RedshiftOptions>, more?: Partial<OpenWarehouseRequest>): Warehouse
  /** Names of the tables of the staging schema. */
  staged(): Promise<readonly string[]>
  /** Keys of the objects of the bucket. */
  objects(): readonly string[]
  removeObjects(): void
  /** Empties the staging schema and the bucket. */
  clear(): Promise<void>
  /** Texts of all statements until now. */
  statements(): readonly string[]
  readPlan(plan: ReadPlan, shared: string | null): Promise<readonly Row[]>
  readAll(request: PlanRequest): Promise<{
    readonly plan: ReadPlan
    readonly rows: readonly Row[]
    readonly shared: string | null
  }>
  stop(): Promise<void>
}

export async function startSource(): Promise<RedshiftSource> {
  const server = await startRedshiftServer()
  server.trust.externalIds.add(externalId)
  const user = `"IAMR:${server.roleName}"`
  await server.sql('CREATE SCHEMA shop; CREATE SCHEMA millrace')
  await server.sql(`GRANT USAGE ON SCHEMA shop TO ${user}; GRANT USAGE, CREATE ON SCHEMA millrace TO ${user}`)
  const opened: Warehouse[] = []
  const open: RedshiftSource['open'] = (options = {}, more = {}) => {
    const place = 'workgroupName' in options ? {} : { clusterId: server.clusterId }
    const request: OpenWarehouseRequest = {
      kind: 'redshift',
      options: {
        awsAccountId: server.accountId,
        region: server.region,
        ...place,
        database: server.database,
        roleName: server.roleName,
        stagingBucket: server.bucket,
        ...options,
      },
      secrets: {},
      externalId,
      net: { allowedCidrs: ['127.0.0.0/8'], awsEndpoint: server.endpoint },
      aws: server.identity,
      applicationName: 'millrace-test',
      ...more,
    }
    const warehouse = openRedshift(request, (step) => source.afterStep?.(step))
    opened.push(warehouse)
    return warehouse
  }
  const source: RedshiftSource = {
    server,
    warehouse: open(),
    afterStep: undefined,
    open,
    async sql(text) {
      const result = await server.sql(text)
      return result.rows ?? []
    },
    async makeTable(name, columns, key) {
      await server.sql(`CREATE TABLE shop."${name}" (${columns}); GRANT SELECT ON shop."${name}" TO ${user}`)
      if (key !== undefined) await server.declareKey('shop', name, key)
    },
    async makeView(name, query) {
      await server.sql(`CREATE VIEW shop."${name}" AS ${query}; GRANT SELECT ON shop."${name}" TO ${user}`)
    },
    async staged() {
      const rows = await server.sql(
        `SELECT relname FROM pg_class WHERE relnamespace = 'millrace'::regnamespace AND relkind = 'r' ORDER BY 1`,
      )
      return rows.rows.map(({ relname }) => String(relname))
    },
    objects: () => server.objects.list('').map(({ key }) => key),
    removeObjects() {
      for (const { key } of server.objects.list('')) server.objects.remove(key)
    },
    async clear() {
      for (const name of await source.staged()) await server.sql(`DROP TABLE millrace."${name}"`)
      source.removeObjects()
    },
    statements: () => server.statements.flatMap(({ parts }) => parts.map(({ sql }) => sql)),
    async readPlan(plan, shared) {
      const rows: Row[] = []
      for (const chunk of plan.chunks) {
        const sink = new CollectingSink(plan.schema, 1000)
        const { rows: counted } = await source.warehouse.readChunk(plan, chunk, shared, sink, signal)
        if (counted !== sink.rows.length) throw new Error(`${counted} rows counted, ${sink.rows.length} handed over`)
        rows.push(...sink.rows)
      }
      return rows
    },
    async readAll(request) {
      const { plan, pin } = await source.warehouse.plan(request, signal)
      return { plan, rows: await source.readPlan(plan, pin.shared), shared: pin.shared }
    },
    async stop() {
      for (const warehouse of opened) await warehouse.close()
      await server.close()
    },
  }
  return source
}

export function requestFor(name: string, more: Partial<PlanRequest> = {}): PlanRequest {
  return planRequest(shopTable(name), { runId: '01900000-0000-7000-8000-0000000000ff', ...more })
}
