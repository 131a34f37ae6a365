import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { until } from '@millrace/local-stack/servers/until.ts'
import { newKekLine } from '@millrace/secrets/load-kek.ts'
import { migrateStore } from '@millrace/store/migrate-store.ts'
import { aSync } from '@millrace/testkit/store-samples.ts'
import { startTestStore, type TestStore } from '@millrace/testkit/with-store.ts'
import { basic } from './test-api.ts'

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))
const canary = 'canary-bootstrap-secret'

describe('the process of the control API', () => {
  const dir = mkdtempSync(join(tmpdir(), 'control-api-'))
  const children: ChildProcess[] = []
  let store: TestStore
  let output = ''

  before(async () => {
    store = await startTestStore()
    writeFileSync(join(dir, 'kek'), newKekLine('one'))
    writeFileSync(join(dir, 'store-url'), store.url)
  })
  after(async () => {
    for (const child of children) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await store?.close()
    rmSync(dir, { recursive: true, force: true })
  })

  async function start(env: Record<string, string> = {}) {
    const portFile = join(dir, `port-${children.length}`)
    const child = spawn(process.execPath, [main], {
      env: {
        PATH: process.env.PATH,
        MILLRACE_STORE_URL_FILE: join(dir, 'store-url'),
        MILLRACE_KEK_FILE: join(dir, 'kek'),
        MILLRACE_BOOTSTRAP_ACCOUNT: 'owner',
        MILLRACE_BOOTSTRAP_SECRET: canary,
        MILLRACE_PORT_FILE: portFile,
        MILLRACE_ADMIN_PORT_FILE: `${portFile}-admin`,
        ...env,
      },
    })
    children.push(child)
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text
      })
    }
    const adminPort = await until(() => readFileSync(`${portFile}-admin`, 'utf8'), {
      timeoutMs: 60_000,
      what: 'the admin port',
    })
    const admin = `http://127.0.0.1:${adminPort}`
    await until(async () => (await fetch(`${admin}/readyz`)).ok)
    return { child, admin, base: `http://127.0.0.1:${readFileSync(portFile, 'utf8')}` }
  }
  const ask = (base: string, method: string, path: string, secret = canary, headers = {}) =>
    fetch(`${base}${path}`, { method, headers: { authorization: basic('owner', secret), ...headers } })

  test('makes the first owner once: its secret in the environment opens nothing afterwards', async () => {
    const first = await start()
    assert.equal((await ask(first.base, 'GET', '/v1/projects')).status, 200)
    const second = await start({ MILLRACE_BOOTSTRAP_SECRET: 'another' })
    assert.equal((await ask(second.base, 'GET', '/v1/projects', 'another')).status, 401)
    assert.equal((await ask(second.base, 'GET', '/v1/projects')).status, 200)
    assert.deepEqual(await migrateStore(store.url), [], 'the processes have migrated')
    for (const { child } of [first, second]) {
      child.kill('SIGTERM')
      assert.deepEqual(await once(child, 'exit'), [0, null])
    }
  })

  test('that dies after it has stored a run and before it says so starts no second one when asked again', async () => {
    const { projectId, syncId } = await aSync(store.db)
    const path = `/v1/projects/${projectId}/syncs/${syncId}/runs`
    const key = { 'idempotency-key': 'one' }
    const dying = await start({ MILLRACE_FAILPOINTS: 'control-api.afterRunStored=exit' })
    await assert.rejects(ask(dying.base, 'POST', path, canary, key))
    assert.equal(dying.child.exitCode ?? (await once(dying.child, 'exit'))[0], 137)
    assert.match(output, /failpoint control-api\.afterRunStored: exit/)
    const again = await start()
    const answer = await ask(again.base, 'POST', path, canary, key)
    assert.equal(answer.status, 200)
    const { id } = (await answer.json()) as { id: string }
    const runs = await store.db.selectFrom('runs').select('id').where('sync_id', '=', syncId).execute()
    assert.deepEqual(runs, [{ id }])
  })

  test('says that it is not ready while its store is away, answers 503, and goes on when it is back', async () => {
    const { base, admin } = await start()
    await store.server.stop()
    const away = await ask(base, 'GET', '/v1/service-accounts')
    assert.equal(away.status, 503)
    assert.equal(((await away.json()) as { code: string }).code, 'unavailable')
    assert.ok(away.headers.get('retry-after'))
    assert.equal((await fetch(`${admin}/readyz`)).status, 503)
    assert.equal((await fetch(`${admin}/livez`)).status, 200)
    await store.server.start()
    await until(async () => (await ask(base, 'GET', '/v1/service-accounts')).status === 200)
    assert.equal((await fetch(`${admin}/readyz`)).status, 200)
  })

  test('writes no secret into its log', () => {
    assert.ok(output.length > 100)
    assert.ok(!output.includes('canary'))
    assert.ok(!output.includes(new URL(store.url).password))
  })
})
