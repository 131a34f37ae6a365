import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type PostgresServer, startPostgres } from '@millrace/local-stack/servers/postgres.ts'
import { createTestCa, type TestCa } from '@millrace/local-stack/servers/test-ca.ts'
import type { OpenWarehouseRequest } from '@millrace/warehouses/open-warehouse-request.ts'
import { openPostgres } from '@millrace/warehouses/postgres/open-postgres.ts'
import type { ChunkSpec, Pin, PlanRequest, ReadPlan, TableRef, Warehouse } from '@millrace/warehouses/warehouse.ts'
import pg from 'pg'
import { CollectingSink, type Row } from './collecting-sink.ts'
import { planRequest } from './plan-request.ts'

export const signal = AbortSignal.timeout(110_000)
export const allowedCidrs = ['127.0.0.0/8']

/** A real Postgres that speaks TLS, a superuser's connection for the test to write with, and the warehouse under test. */
export type PostgresSource = {
  readonly server: PostgresServer
  readonly ca: TestCa
  readonly admin: pg.Client
  readonly warehouse: Warehouse
  open(
    options?: Readonly<Record<string, unknown>>,
    secrets?: Readonly<Record<string, string>>,
    more?: Pick<OpenWarehouseRequest, 'kept' | 'mirrorRowsMax'>,
  ): Warehouse
  stop(): Promise<void>
}

export async function startSource(settings: Readonly<Record<string, string>> = {}): Promise<PostgresSource> {
  const dir = mkdtempSync(path.join(tmpdir(), 'millrace-warehouse-'))
  const ca = await createTestCa()
  const tls = await ca.issue(['localhost', '127.0.0.1'])
  const server = await startPostgres({ dir, tls, shortLived: true, settings })
  const admin = new pg.Client({ connectionString: server.url })
  admin.on('error', () => undefined)
  await admin.connect()
  const opened: Warehouse[] = []
  const open: PostgresSource['open'] = (options = {}, secrets = {}, more = {}) => {
    const warehouse = openPostgres({
      kind: 'postgres',
      options: {
        host: 'localhost',
        port: server.port,
        database: 'postgres',
        user: server.user,
        sslMode: 'verify-full',
        caCertificate: ca.certificate,
        ...options,
      },
      secrets: { password: server.password, ...secrets },
      net: { allowedCidrs },
      applicationName: 'millrace-test',
      ...more,
    })
    opened.push(warehouse)
    return warehouse
  }
  return {
    server,
    ca,
    admin,
    open,
    warehouse: open(),
    async stop() {
      await Promise.all(opened.map((warehouse) => warehouse.close()))
      await admin.end()
      await server.stop()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

export function requestFor(name: string, more: Partial<PlanRequest> = {}): PlanRequest {
  return planRequest({ schema: 'public', name }, { runId: '01900000-0000-7000-8000-000000000000', ...more })
}

export async function readChunk(
  warehouse: Warehouse,
  plan: ReadPlan,
  chunk: ChunkSpec,
  pin: Pin,
): Promise<readonly Row[]> {
  const sink = new CollectingSink(plan.schema)
  await warehouse.readChunk(plan, chunk, pin.shared, sink, signal)
  return sink.rows
}

/** Plans and reads everything, and lets go of the snapshot. */
export async function readAll(
  warehouse: Warehouse,
  request: PlanRequest,
): Promise<{ plan: ReadPlan; rows: readonly Row[] }> {
  const { plan, pin } = await warehouse.plan(request, signal)
  try {
    const rows: Row[] = []
    for (const chunk of plan.chunks) rows.push(...(await readChunk(warehouse, plan, chunk, pin)))
    return { plan, rows }
  } finally {
    await pin.close()
  }
}

export const publicTable = (name: string): TableRef => ({ schema: 'public', name })
