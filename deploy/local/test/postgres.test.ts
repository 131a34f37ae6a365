import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, describe, it } from 'node:test'
import { type PostgresServer, startPostgres } from '@millrace/local-stack/servers/postgres.ts'
import pg from 'pg'

const dirs: string[] = []
const servers: PostgresServer[] = []
after(async () => {
  await Promise.all(servers.map((server) => server.stop()))
  for (const dir of dirs) rmSync(dir, { recursive: true, force: true })
})

async function start(options: Partial<Parameters<typeof startPostgres>[0]> = {}): Promise<PostgresServer> {
  const dir = options.dir ?? mkdtempSync(path.join(tmpdir(), 'millrace-postgres-'))
  dirs.push(dir)
  const server = await startPostgres({ shortLived: true, ...options, dir })
  servers.push(server)
  return server
}

async function ask(url: string, text: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return Object.values((await client.query(text)).rows[0] ?? {})[0]
  } finally {
    await client.end()
  }
}

describe('the Postgres of one machine', () => {
  it('is Postgres 18, asks for passwords, and keeps the one it was made with', async () => {
    const server = await start({ password: 'a/b?c@d' })
    assert.match(String(await ask(server.url, 'show server_version')), /^18\./)
    await assert.rejects(ask(server.urlOf('postgres', { user: 'postgres', password: 'wrong' }), 'select 1'), {
      code: '28P01',
    })
    await server.stop()
    const again = await start({ dir: path.dirname(server.logFile), password: 'ignored' })
    assert.equal(await ask(again.url, 'select 1'), 1)
  })

  it('is back with what it had committed after SIGKILL, while clients were at work', async () => {
    const server = await start()
    await ask(server.url, 'create table kept (id int)')
    for (let round = 1; round <= 3; round++) {
      const busy = new pg.Client({ connectionString: server.url })
      busy.on('error', () => undefined)
      await busy.connect()
      const broken = busy.query('select pg_sleep(60)').then(
        () => false,
        () => true,
      )
      await ask(server.url, `insert into kept values (${round})`)
      await server.kill()
      await server.start()
      assert.equal(await broken, true)
      assert.equal(await ask(server.url, 'select count(*)::int from kept'), round)
    }
  })

  it('runs below a folder that only its owner may enter', async () => {
    const closed = mkdtempSync(path.join(tmpdir(), 'millrace-closed-'))
    dirs.push(closed)
    chmodSync(closed, 0o700)
    const server = await start({ dir: path.join(closed, 'postgres'), settings: { max_connections: '7' } })
    assert.equal(await ask(server.url, 'show max_connections'), '7')
  })
})
