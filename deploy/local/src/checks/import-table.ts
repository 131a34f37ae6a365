/** Who may import what, as data; import-rules.ts enforces it. */

/** Libraries of ours → the other libraries of ours that their source may import. `domain` is open to all but itself. */
export const libraryImports: Readonly<Record<string, readonly string[]>> = {
  coordination: ['telemetry'],
  destinations: ['net', 'telemetry'],
  domain: [],
  kafka: ['telemetry'],
  net: [],
  registry: [],
  secrets: [],
  store: ['telemetry'],
  telemetry: [],
  testkit: ['local-stack', 'store', 'telemetry'],
  warehouses: ['net'],
}

/** Only from test folders, tests/ and loadtest/: what exists for tests must not reach a service. */
export const testOnly: readonly string[] = ['testkit']

/** Only from tests, the test kit, loadtest/ and deploy/local itself. */
export const stackOnly: readonly string[] = ['local-stack']

/** Client libraries → the rooms whose source may import them. Tests of any room may, except where `testsToo` says otherwise. */
export const clientLibraries: Readonly<Record<string, { rooms: readonly string[]; testsToo?: true }>> = {
  kafkajs: { rooms: ['libs/kafka', 'libs/testkit'], testsToo: true },
  ioredis: { rooms: ['libs/coordination'] },
  pg: { rooms: ['libs/store', 'libs/warehouses', 'libs/testkit', 'deploy/local', 'loadtest', 'tests'] },
  kysely: { rooms: ['libs/store'] },
  ssh2: { rooms: ['libs/net', 'libs/testkit'] },
  undici: { rooms: ['libs/net', 'libs/destinations', 'deploy/local', 'loadtest', 'tests'] },
  '@google-cloud': { rooms: ['libs/warehouses'] },
  'google-auth-library': { rooms: ['libs/warehouses'] },
  pino: { rooms: ['libs/telemetry'] },
  '@opentelemetry': { rooms: ['libs/telemetry'] },
  '@duckdb': { rooms: ['services/ingestion', 'libs/warehouses', 'libs/testkit', 'deploy/local', 'loadtest', 'tests'] },
}

/** What `domain` may take from Node: computing, nothing that reads or writes the world. */
export const domainBuiltins: readonly string[] = ['node:buffer', 'node:crypto', 'node:assert/strict', 'node:assert']

/** Where the switch must be named: what refuses it, and the tests that prove so. */
export const uncheckedCertificates: readonly string[] = [
  'deploy/local/test/import-rules.test.ts',
  'deploy/local/src/checks/import-rules.ts',
  'libs/net/src/start-tls.ts',
  'libs/net/test/certificates.test.ts',
]
