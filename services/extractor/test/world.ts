import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Mode } from '@millrace/domain/words.ts'
import { freePort } from '@millrace/local-stack/servers/free-port.ts'
import { startKafka } from '@millrace/local-stack/servers/kafka.ts'
import { type PostgresServer, startPostgres } from '@millrace/local-stack/servers/postgres.ts'
import { startRegistry } from '@millrace/local-stack/servers/registry.ts'
import { type Server, startServer } from '@millrace/local-stack/servers/server-process.ts'
import { createTestCa } from '@millrace/local-stack/servers/test-ca.ts'
import { until } from '@millrace/local-stack/servers/until.ts'
import { loadKek, newKekLine } from '@millrace/secrets/load-kek.ts'
import { seal } from '@millrace/secrets/seal.ts'
import type { Database } from '@millrace/store/open-store.ts'
import { createProject } from '@millrace/store/projects/create-project.ts'
import { createRun } from '@millrace/store/runs/create-run.ts'
import { createSource } from '@millrace/store/sources/create-source.ts'
import { createSync } from '@millrace/store/syncs/create-sync.ts'
import { startTestStore } from '@millrace/testkit/with-store.ts'
import pg from 'pg'

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))

export const partitions = 3

/** Real Kafka, registry, store and a Postgres with TLS to read from; extractors are started as processes. */
export type World = {
  readonly db: Database
  readonly brokers: string
  readonly registryUrl: string
  readonly password: string
  /** Runs a statement in the source. */
  sql(statement: string): Promise<void>
  /** Makes a sync of a table of the source with its first run, and gives the run's id. */
  startRun(table: string, mode?: Mode): Promise<string>
  startExtractor(name: string, env?: Readonly<Record<string, string>>): Promise<Server>
  close(): Promise<void>
}

export async function startWorld(): Promise<World> {
  const dir = mkdtempSync(path.join(tmpdir(), 'millrace-extractor-'))
  const ca = await createTestCa()
  const starting = [
    startTestStore(),
    startKafka({ dir: path.join(dir, 'kafka') }),
    startRegistry({ dir: path.join(dir, 'registry') }),
    ca.issue(['localhost']).then((tls) => startPostgres({ dir: path.join(dir, 'source'), tls, shortLived: true })),
  ] as const
  const [store, kafka, registry, source] = await allOrNone(starting)
  const kekFile = path.join(dir, 'kek')
  writeFileSync(kekFile, newKekLine('test'))
  const owner = new pg.Client({ connectionString: source.url })
  await owner.connect()
  const place = await createPlace(store.db, source, ca.certificate, kekFile)
  const extractors: Server[] = []

  return {
    db: store.db,
    brokers: kafka.brokers,
    registryUrl: registry.url,
    password: source.password,
    async sql(statement) {
      await owner.query(statement)
    },
    startRun: (table, mode = 'one_time') => startRun(store.db, place, table, mode),
    async startExtractor(name, env = {}) {
      const port = await freePort()
      const server = await startServer({
        name,
        dir,
        launch: () => ({
          command: process.execPath,
          args: [main],
          env: {
            ...process.env,
            MILLRACE_KAFKA_BROKERS: kafka.brokers,
            MILLRACE_REGISTRY_URL: registry.url,
            MILLRACE_STORE_URL: store.url,
            MILLRACE_KEK_FILE: kekFile,
            MILLRACE_ALLOWED_CIDRS: '127.0.0.0/8,::1/128',
            MILLRACE_PARTITIONS: String(partitions),
            MILLRACE_WAREHOUSE: 'postgres',
            MILLRACE_CHUNK_ROWS: '2000',
            MILLRACE_LEASE_MS: '2000',
            MILLRACE_POLL_MS: '50',
            MILLRACE_ADMIN_PORT: String(port),
            ...env,
          },
        }),
        ready: () => until(async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok, { timeoutMs: 60_000 }),
      })
      extractors.push(server)
      return server
    },
    async close() {
      for (const extractor of extractors) if (extractor.running) await extractor.stop()
      await owner.end()
      await Promise.allSettled([store.close(), kafka.stop(), registry.stop(), source.stop()])
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** All of them; when one does not start, those that did are ended, or they would keep the test's process alive. */
async function allOrNone<T extends readonly Promise<object>[]>(starting: T) {
  const results = await Promise.allSettled(starting)
  if (results.some(({ status }) => status === 'rejected')) {
    for (const result of results) if (result.status === 'fulfilled') await end(result.value)
  }
  return await Promise.all(starting)
}

async function end(started: { stop?(): Promise<void>; close?(): Promise<void> }): Promise<void> {
  await (started.stop ?? started.close)?.call(started)
}

type Place = { readonly projectId: string; readonly sourceId: string }

async function createPlace(
  db: Database,
  source: PostgresServer,
  caCertificate: string,
  kekFile: string,
): Promise<Place> {
  const projectId = randomUUID()
  const sourceId = randomUUID()
  await createProject(db, { id: projectId, name: 'test', destination: {}, secrets: [] })
  const place = { tenant: projectId, owner: `source:${sourceId}`, field: 'password' }
  const { port, user, password } = source
  await createSource(db, {
    id: sourceId,
    projectId,
    name: 'source',
    warehouse: 'postgres',
    options: { host: 'localhost', port, database: 'postgres', user, sslMode: 'verify-full', caCertificate },
    secrets: [{ field: 'password', ...seal({ kek: loadKek(kekFile), ...place, plaintext: password }) }],
  })
  return { projectId, sourceId }
}

async function startRun(db: Database, { projectId, sourceId }: Place, table: string, mode: Mode): Promise<string> {
  const id = randomUUID()
  await createSync(db, {
    id,
    projectId,
    sourceId,
    importId: randomUUID(),
    name: id,
    table: { schema: 'public', name: table },
    tableType: 'events',
    mode,
    insertTimeColumn: null,
    overlapMs: 0,
    schedule: { kind: 'api' },
    mapping: { tableType: 'events', eventName: { value: 'Visit' }, time: 'at', userId: 'visitor' },
    lane: 'live',
  })
  const { runId } = await createRun(db, { syncId: id, trigger: 'manual' })
  return runId
}
