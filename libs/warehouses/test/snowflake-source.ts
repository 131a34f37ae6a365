import { type SnowflakeServer, startSnowflakeServer } from '@millrace/testkit/snowflake/snowflake-server.ts'
import type { OpenWarehouseRequest } from '@millrace/warehouses/open-warehouse-request.ts'
import { openSnowflake } from '@millrace/warehouses/snowflake/open-snowflake.ts'
import type { SnowflakeOptions } from '@millrace/warehouses/snowflake/options.ts'
import type { PlanRequest, ReadPlan, TableRef, Warehouse } from '@millrace/warehouses/warehouse.ts'
import { type CollectedChange, CollectingSink, type Row } from './collecting-sink.ts'
import { planRequest } from './plan-request.ts'

export const signal = AbortSignal.timeout(170_000)

export const shopTable = (name: string): TableRef => ({ schema: 'PUBLIC', name })

type Step = 'stream' | 'set_aside'

/** A stand-in as the set-up leaves it, and a source on it. */
export type SnowflakeSource = {
  readonly server: SnowflakeServer
  readonly warehouse: Warehouse
  /** Called after each step of a plan. */
  afterStep: ((step: Step) => void) | undefined
  open(
    options?: Partial<SnowflakeOptions>,
    secrets?: Readonly<Record<string, string>>,
    more?: Partial<OpenWarehouseRequest>,
  ): Warehouse
  /** Names of the tables and streams of the connector's schema. */
  staged(): Promise<readonly string[]>
  /** Texts of all statements until now. */
  statements(): readonly string[]
  readPlan(plan: ReadPlan, shared: string | null): Promise<readonly Row[]>
  readChanges(plan: ReadPlan, shared: string | null): Promise<readonly CollectedChange[]>
  readAll(request: PlanRequest): Promise<{
    readonly plan: ReadPlan
    readonly rows: readonly Row[]
    readonly shared: string | null
  }>
  stop(): Promise<void>
}

/** `now`: the stand-in's clock, ms since 1970. */
export async function startSource(now?: () => number): Promise<SnowflakeSource> {
  const server = await startSnowflakeServer(now === undefined ? {} : { now })
  const opened: Warehouse[] = []
  const open: SnowflakeSource['open'] = (options = {}, secrets = { password: server.password }, more = {}) => {
    const request: OpenWarehouseRequest = {
      kind: 'snowflake',
      options: {
        accountIdentifier: server.account,
        user: server.user,
        authentication: 'password',
        role: server.role,
        warehouse: server.warehouse,
        database: server.database,
        connectorSchema: server.connectorSchema,
        ...options,
      },
      secrets,
      net: { allowedCidrs: ['127.0.0.0/8'], snowflakeEndpoint: server.accessUrl },
      applicationName: 'millrace-test',
      ...more,
    }
    const warehouse = openSnowflake(request, (step) => source.afterStep?.(step))
    opened.push(warehouse)
    return warehouse
  }
  const readWith = async (plan: ReadPlan, shared: string | null) => {
    const sinks: CollectingSink[] = []
    for (const chunk of plan.chunks) {
      const sink = new CollectingSink(plan.schema, 1000, plan.before)
      const { rows } = await source.warehouse.readChunk(plan, chunk, shared, sink, signal)
      const handed = sink.rows.length + sink.changes.length
      if (rows !== handed) throw new Error(`${rows} rows counted, ${handed} handed over`)
      sinks.push(sink)
    }
    return sinks
  }
  const source: SnowflakeSource = {
    server,
    warehouse: open(),
    afterStep: undefined,
    open,
    async staged() {
      const names = async (kind: string) => {
        const rows = await server.run(`SHOW ${kind} IN SCHEMA ${server.database}.${server.connectorSchema}`)
        // An empty list comes as one of nothing.
        return rows.flatMap((row: (typeof rows)[number] | null) => (row === null ? [] : [String(row[1])]))
      }
      return [...(await names('TABLES')), ...(await names('STREAMS'))].sort()
    },
    statements: () => server.statements,
    readPlan: async (plan, shared) => (await readWith(plan, shared)).flatMap(({ rows }) => rows),
    readChanges: async (plan, shared) => (await readWith(plan, shared)).flatMap(({ changes }) => changes),
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
