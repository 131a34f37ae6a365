import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { startPostgres } from '@millrace/local-stack/servers/postgres.ts'
import { createTestCa, type IssuedCertificate, selfSigned } from '@millrace/local-stack/servers/test-ca.ts'
import { type Bastion, startBastion } from '@millrace/testkit/bastion.ts'
import { openPostgres } from '@millrace/warehouses/postgres/open-postgres.ts'
import { optionProblems } from '@millrace/warehouses/postgres/options.ts'
import type { ConnectionCheck } from '@millrace/warehouses/warehouse.ts'
import { allowedCidrs, type PostgresSource, publicTable, signal, startSource } from './postgres-source.ts'

const canary = 'canary-7c1f-secret'
const failed = (checks: readonly ConnectionCheck[]) => checks.filter((check) => !check.ok)
const only = (checks: readonly ConnectionCheck[]) => {
  assert.equal(JSON.stringify(checks).includes(canary), false, 'no secret is told')
  assert.equal(failed(checks).length, 1, JSON.stringify(checks))
  return checks.at(-1)!
}

describe('test connection to Postgres', () => {
  let source: PostgresSource
  const messages = new Map<string, string>()

  before(async () => {
    source = await startSource()
    await source.admin.query(`
      CREATE ROLE reader LOGIN PASSWORD 'reader'; CREATE ROLE nobody_yet LOGIN PASSWORD 'nobody';
      CREATE TABLE open_table (a int); GRANT SELECT ON open_table TO reader;
      CREATE TABLE closed_table (a int);
      CREATE TABLE half_open (a int, b text); GRANT SELECT (a) ON half_open TO reader`)
  })
  after(() => source.stop())

  const reader = () => source.open({ user: 'reader' }, { password: 'reader' })

  it('holds step by step with a role that can only read', async () => {
    const checks = await reader().testConnection(signal, publicTable('open_table'))
    assert.deepEqual(failed(checks), [])
    assert.ok(checks.every((check) => check.code === undefined))
    assert.deepEqual(checks.map((check) => check.step).slice(0, 4), [
      'Reach the server',
      'Encrypt the connection',
      'Log in',
      'Open the database',
    ])
  })

  it('warns of a role that may write', async () => {
    const checks = await source.warehouse.testConnection(signal)
    assert.deepEqual(failed(checks), [])
    assert.ok(checks.some((check) => check.code === 'role_may_write'))
  })

  const distinct: readonly (readonly [what: string, code: string, check: () => Promise<readonly ConnectionCheck[]>])[] =
    [
      [
        'a wrong password',
        'authentication_failed',
        () => source.open({ user: 'reader' }, { password: canary }).testConnection(signal),
      ],
      ['an unknown host', 'host_not_found', () => source.open({ host: 'no-such-host.invalid' }).testConnection(signal)],
      ['a closed port', 'host_unreachable', () => source.open({ port: 1 }).testConnection(signal)],
      [
        'a wrong CA',
        'tls_certificate_invalid',
        async () => source.open({ caCertificate: (await createTestCa()).certificate }).testConnection(signal),
      ],
      ['a missing database', 'database_not_found', () => source.open({ database: 'nowhere' }).testConnection(signal)],
      ['a missing table', 'table_not_found', () => reader().testConnection(signal, publicTable('nothing'))],
      ['a missing permission', 'permission_denied', () => reader().testConnection(signal, publicTable('closed_table'))],
      [
        'a role that may read nothing',
        'permission_denied',
        () => source.open({ user: 'nobody_yet' }, { password: 'nobody' }).testConnection(signal),
      ],
      [
        'a host that is not allowed',
        'host_not_allowed',
        () => source.open({ host: '10.0.0.1' }).testConnection(signal),
      ],
    ]
  for (const [what, code, check] of distinct) {
    it(`tells ${what} apart`, async () => {
      const last = only(await check())
      assert.equal(last.code, code)
      assert.ok(last.message && last.hint)
      const known = messages.get(last.message)
      assert.equal(known, undefined, `${what} reads like ${known}`)
      messages.set(last.message, what)
    })
  }

  it('tells a plain-text server apart, and never sends it a password', async () => {
    const dir = mkdtempSync(path.join(tmpdir(), 'millrace-plain-'))
    const plain = await startPostgres({ dir, shortLived: true })
    const last = only(await source.open({ port: plain.port }).testConnection(signal))
    assert.equal(last.code, 'tls_required')
    await plain.stop()
    rmSync(dir, { recursive: true, force: true })
  })

  it('does not take bytes for an answer that came before the encryption', async () => {
    const server = createServer((socket) =>
      socket.on('error', () => undefined).once('data', () => socket.write('Sinjected')),
    )
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const last = only(await source.open({ port: (server.address() as AddressInfo).port }).testConnection(signal))
    assert.equal(last.code, 'tls_failed')
    server.close()
  })

  it('shows only the columns that the role may read', async () => {
    const described = await reader().describeTable(publicTable('half_open'), signal)
    assert.deepEqual(
      described.columns.map((column) => column.name),
      ['a'],
    )
  })

  it('gives the driver no secret to print', () => {
    const warehouse = source.open({}, { password: canary })
    assert.equal(JSON.stringify(warehouse).includes(canary), false)
  })
})

describe('certificates of Postgres', () => {
  const hour = 3_600_000
  type Issue = (ca: Awaited<ReturnType<typeof createTestCa>>) => Promise<IssuedCertificate>
  const matrix: readonly (readonly [what: string, issue: Issue, full: RegExp | null, ca: RegExp | null])[] = [
    ['for the right name', (ca) => ca.issue(['localhost']), null, null],
    ['for another host', (ca) => ca.issue(['other.example']), /another host name/, null],
    [
      'that has expired',
      (ca) =>
        ca.issue(['localhost'], { notBefore: new Date(Date.now() - 3 * hour), notAfter: new Date(Date.now() - hour) }),
      /expired/,
      /expired/,
    ],
    ['that is self-signed', () => selfSigned(['localhost']), /self-signed/, /self-signed/],
    ['of another authority', async () => (await createTestCa()).issue(['localhost']), /not trusted/, /not trusted/],
  ]
  for (const [what, issue, full, verifyCa] of matrix) {
    it(`${what}: verify-full ${full ? 'refuses' : 'accepts'}, verify-ca ${verifyCa ? 'refuses' : 'accepts'}`, async () => {
      const dir = mkdtempSync(path.join(tmpdir(), 'millrace-tls-'))
      const ca = await createTestCa()
      const server = await startPostgres({ dir, tls: await issue(ca), shortLived: true })
      for (const [sslMode, expected] of [
        ['verify-full', full],
        ['verify-ca', verifyCa],
      ] as const) {
        const warehouse = openPostgres({
          kind: 'postgres',
          options: {
            host: 'localhost',
            port: server.port,
            database: 'postgres',
            user: 'postgres',
            sslMode,
            caCertificate: ca.certificate,
          },
          secrets: { password: server.password },
          net: { allowedCidrs },
          applicationName: 'millrace-test',
        })
        const checks = await warehouse.testConnection(signal)
        const encrypt = checks.find((check) => check.step === 'Encrypt the connection')
        assert.equal(encrypt?.ok, expected === null, sslMode)
        if (expected) assert.match(encrypt?.message ?? '', expected)
      }
      await server.stop()
      rmSync(dir, { recursive: true, force: true })
    })
  }
})

describe('a bastion before Postgres', () => {
  let source: PostgresSource
  let bastion: Bastion

  before(async () => {
    source = await startSource()
    bastion = await startBastion()
  })
  after(async () => {
    await source.stop()
    await bastion.close()
  })

  const through = (hostKey?: string, privateKey = bastion.privateKey) =>
    source.open(
      { sshTunnel: { host: '127.0.0.1', port: bastion.port, user: bastion.user, ...(hostKey ? { hostKey } : {}) } },
      { sshPrivateKey: privateKey },
    )

  it('shows its key at the first test, which is pinned from then on', async () => {
    const checks = await through().testConnection(signal)
    assert.deepEqual(failed(checks), [])
    assert.equal(checks[0]?.found?.sshHostKey, bastion.hostKey)
    await assert.rejects(through().listSchemas(signal), { code: 'ssh_host_key_unknown' })
    assert.deepEqual(await through(bastion.hostKey).listSchemas(signal), ['public'])
    assert.deepEqual(
      new Set(bastion.asked),
      new Set([`localhost:${source.server.port}`]),
      'and is asked for the one target only',
    )
  })

  it('is refused when its key changed', async () => {
    const other = `SHA256:${'A'.repeat(43)}`
    await assert.rejects(through(other).listSchemas(signal), { code: 'ssh_host_key_changed' })
    assert.equal(only(await through(other).testConnection(signal)).code, 'ssh_host_key_changed')
  })

  it('that does not know the private key is told apart from a key that cannot be read', async () => {
    const stranger = await startBastion()
    await assert.rejects(through(bastion.hostKey, stranger.privateKey).listSchemas(signal), {
      code: 'ssh_authentication_failed',
    })
    await assert.rejects(through(bastion.hostKey, 'no key').listSchemas(signal), { code: 'ssh_key_invalid' })
    await stranger.close()
  })

  it('is connected to again after it dropped the connection', async () => {
    const warehouse = through(bastion.hostKey)
    await warehouse.listSchemas(signal)
    bastion.cut()
    // The first try may still meet the dying connection.
    const again = await warehouse.listSchemas(signal).catch(() => warehouse.listSchemas(signal))
    assert.deepEqual(again, ['public'])
  })
})

describe('options of a Postgres source', () => {
  const valid = { host: 'db.example', port: 5432, database: 'd', user: 'u', sslMode: 'verify-full' }
  const paths = (options: unknown, secrets = ['password']) =>
    optionProblems(options, secrets).map((problem) => problem.path)

  it('are a closed set', () => {
    assert.deepEqual(paths(valid), [])
    assert.deepEqual(paths({ ...valid, options: '-c x', sslkey: '/etc/passwd' }), ['/options', '/sslkey'])
    assert.deepEqual(paths(JSON.parse('{"__proto__": 1}')).includes('/__proto__'), true)
    assert.deepEqual(paths({ ...valid, sslMode: 'disable' }), ['/sslMode'])
    assert.deepEqual(paths({ ...valid, host: '/var/run/postgresql' }), ['/host'])
    assert.deepEqual(paths({ ...valid, port: 70_000, caCertificate: 'x' }), ['/port', '/caCertificate'])
    assert.deepEqual(paths(null), [''])
  })

  it('need a password, and a private key for a bastion', () => {
    assert.deepEqual(paths(valid, []), ['/secrets/password'])
    const sshTunnel = { host: 'b.example', port: 22, user: 'u' }
    assert.deepEqual(paths({ ...valid, sshTunnel }), ['/secrets/sshPrivateKey'])
    assert.deepEqual(paths({ ...valid, sshTunnel: { ...sshTunnel, agent: true } }, ['password', 'sshPrivateKey']), [
      '/sshTunnel/agent',
    ])
  })
})
