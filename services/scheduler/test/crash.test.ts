import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freePort } from '@millrace/local-stack/servers/free-port.ts'
import { type Server, startServer } from '@millrace/local-stack/servers/server-process.ts'
import { until } from '@millrace/local-stack/servers/until.ts'
import { aDrainingRun, aSync, loaded } from '@millrace/testkit/store-samples.ts'
import { startTestStore, type TestStore } from '@millrace/testkit/with-store.ts'

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))
const dir = mkdtempSync(path.join(tmpdir(), 'millrace-scheduler-'))
let store: TestStore
before(async () => {
  store = await startTestStore()
})
after(async () => {
  await store.close()
  rmSync(dir, { recursive: true, force: true })
})

let processes = 0

/** A scheduler as it runs in production, on a store. */
async function startScheduler(
  url: string,
  env: Record<string, string> = {},
): Promise<Server & { readonly adminUrl: string }> {
  const port = await freePort()
  const adminUrl = `http://127.0.0.1:${port}`
  let lives = 0
  const server = await startServer({
    name: `scheduler-${processes++}`,
    dir,
    launch: () => ({
      command: process.execPath,
      args: [main],
      env: {
        PATH: process.env.PATH,
        MILLRACE_STORE_URL: url,
        MILLRACE_ADMIN_PORT: String(port),
        MILLRACE_LEASE_MS: '1000',
        ...(lives++ === 0 ? env : {}),
      },
    }),
    ready: ({ signal }) =>
      until(async () => (await fetch(`${adminUrl}/readyz`, { signal })).ok, { timeoutMs: 60_000, signal }),
  })
  return Object.assign(server, { adminUrl })
}

describe('a scheduler that dies', () => {
  for (const point of ['scheduler.beforeComplete', 'scheduler.afterComplete']) {
    it(`at ${point} leaves a run that succeeds once, and a cursor that moves once`, async () => {
      const { url, db } = await store.fresh()
      const { runId, syncId } = await aDrainingRun(db, [2, 1])
      await loaded(db, runId, [2, 1])
      const scheduler = await startScheduler(url, { MILLRACE_FAILPOINTS: `${point}=exit` })
      try {
        assert.deepEqual(await scheduler.exited, { code: 137, signal: null })
        const state = async () =>
          (await db.selectFrom('runs').selectAll().where('id', '=', runId).executeTakeFirstOrThrow()).state
        assert.equal(await state(), point === 'scheduler.beforeComplete' ? 'draining' : 'succeeded')
        await scheduler.start()
        await until(async () => (await state()) === 'succeeded', { timeoutMs: 60_000 })
        const ended = () => db.selectFrom('outbox').selectAll().where('done_at', 'is not', null).execute()
        await until(async () => (await ended()).length > 0)
        assert.equal((await ended()).length, 1)
        const sync = await db.selectFrom('syncs').selectAll().where('id', '=', syncId).executeTakeFirstOrThrow()
        assert.deepEqual([sync.cursor, sync.cursor_run_seq], [{ hi: '2026-01-01', pin: {} }, 1])
      } finally {
        await scheduler.stop()
      }
    })
  }

  it('after making a due run makes no second one', async () => {
    const { url, db } = await store.fresh()
    const { syncId } = await aSync(db, { schedule: { kind: 'hourly' } })
    await db
      .updateTable('syncs')
      .set({ next_due_at: new Date(Date.now() - 3_600_000 * 5) })
      .where('id', '=', syncId)
      .execute()
    const scheduler = await startScheduler(url, { MILLRACE_FAILPOINTS: 'scheduler.afterRunMade=exit' })
    try {
      assert.deepEqual(await scheduler.exited, { code: 137, signal: null })
      const runs = () => db.selectFrom('runs').selectAll().where('sync_id', '=', syncId).execute()
      assert.equal((await runs()).length, 1)
      await db
        .updateTable('runs')
        .set({ state: 'failed', finished_at: new Date() })
        .where('sync_id', '=', syncId)
        .execute()
      await scheduler.start()
      await until(async () => {
        const sync = await db.selectFrom('syncs').selectAll().where('id', '=', syncId).executeTakeFirstOrThrow()
        return sync.next_due_at !== null && sync.next_due_at > new Date()
      })
      assert.equal((await runs()).length, 1)
    } finally {
      await scheduler.stop()
    }
  })

  it('is replaced by the one that stands by, which ends on SIGTERM with exit code 0', async () => {
    const { url, db } = await store.fresh()
    const schedulers = [await startScheduler(url), await startScheduler(url)]
    const leads = async ({ adminUrl }: { adminUrl: string }) =>
      /^millrace_scheduler_leading 1$/m.test(await (await fetch(`${adminUrl}/metrics`)).text())
    try {
      const flags = await until(async () => {
        const all = await Promise.all(schedulers.map(leads))
        return all.filter((each) => each).length === 1 ? all : null
      })
      const leader = schedulers[flags.indexOf(true)]!
      const standby = schedulers[flags.indexOf(false)]!
      await leader.kill()
      const { runId } = await aDrainingRun(db, [1])
      await loaded(db, runId, [1])
      await until(
        async () =>
          (await db.selectFrom('runs').selectAll().where('id', '=', runId).executeTakeFirstOrThrow()).state ===
          'succeeded',
      )
      assert.equal(await leads(standby), true)
      assert.deepEqual(await standby.kill('SIGTERM'), { code: 0, signal: null })
    } finally {
      await Promise.all(schedulers.map((scheduler) => scheduler.stop()))
    }
  })

  it('goes on when the store was away', async () => {
    const own = await startTestStore()
    const scheduler = await startScheduler(own.url)
    try {
      await own.server.kill()
      await until(async () => (await fetch(`${scheduler.adminUrl}/readyz`)).status === 503)
      await own.server.start()
      const { runId } = await aDrainingRun(own.db, [1])
      await loaded(own.db, runId, [1])
      await until(
        async () =>
          (await own.db.selectFrom('runs').selectAll().where('id', '=', runId).executeTakeFirstOrThrow()).state ===
          'succeeded',
      )
    } finally {
      await scheduler.stop()
      await own.close()
    }
  })
})
