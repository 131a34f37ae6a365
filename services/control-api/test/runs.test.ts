import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { until } from '@millrace/local-stack/servers/until.ts'
import { hashAccountSecret } from '@millrace/secrets/account-secret.ts'
import { createAccount } from '@millrace/store/accounts/create-account.ts'
import { revokeAccount } from '@millrace/store/accounts/revoke-account.ts'
import { startTestStore, type TestStore } from '@millrace/testkit/with-store.ts'
import { sampleProject, syncBody } from './sample-bodies.ts'
import { type Answer, basic, startTestApi, type TestApi } from './test-api.ts'

type Run = {
  id: string
  state: string
  runSeq: number
  trigger: string
  report: string
  counts: Record<string, number>
  progress: {
    rowsPlanned: number | null
    rowsRead: number
    rowsLoaded: number
    rate: number | null
    secondsLeft: number | null
  }
}

describe('runs', () => {
  let store: TestStore
  let api: TestApi
  let sample: Awaited<ReturnType<typeof sampleProject>>

  before(async () => {
    store = await startTestStore()
    api = await startTestApi(store.db)
    sample = await sampleProject(api.owner, 'runs')
  })
  after(async () => {
    await api?.close()
    await store?.close()
  })

  async function newSync(name: string, change: Record<string, unknown> = {}): Promise<string> {
    const { body, text } = await api.owner<{ id: string }>(
      'POST',
      `${sample.base}/syncs`,
      syncBody(sample.sourceId, { name, ...change }),
    )
    assert.ok(body.id, text)
    return `${sample.base}/syncs/${body.id}`
  }
  const setRun = (id: string, values: object) => store.db.updateTable('runs').set(values).where('id', '=', id).execute()
  const readRun = async (id: string) => (await api.owner<Run>('GET', `${sample.base}/runs/${id}`)).body

  /** What three services would have written of a run of a few rows: a chunk, its progress, its end. */
  async function workOff(id: string, counts: { events: number; rejected: number; identical: number }): Promise<void> {
    const rows = counts.events + counts.rejected
    await store.db
      .insertInto('run_tasks')
      .values({ run_id: id, kind: 'read', index: 0, state: 'done', attempt: 1, rows })
      .execute()
    await store.db
      .insertInto('run_progress')
      .values({
        run_id: id,
        partition: 0,
        chunk: 0,
        attempt: 1,
        next_seq: 1,
        rows,
        events: counts.events,
        updates: 0,
        deletes: 0,
        user_updates: 0,
        user_deletes: 0,
        group_updates: 0,
        group_deletes: 0,
        lookup_rows: 0,
        rejected: counts.rejected,
        filtered: 0,
        bytes: 1,
        sent: counts.events,
        gap_seq: null,
      })
      .execute()
    for (let ordinal = 0; ordinal < counts.rejected; ordinal++)
      await store.db
        .insertInto('rejects')
        .values({
          run_id: id,
          partition: 0,
          chunk: 0,
          ordinal,
          attempt: 1,
          stage: ordinal % 2 ? 'loader' : 'transformer',
          row_id: `${ordinal}`,
          code: 'time_missing',
          field: 'flew_at',
          message: 'The time is missing.',
        })
        .execute()
    await setRun(id, {
      planned_at: new Date(Date.now() - 2000),
      rows_planned: rows,
      read_rows: rows,
      identical_rows: counts.identical,
    })
  }

  test('that are started twice with one idempotency key are one run', async () => {
    const sync = await newSync('idempotent')
    const start = (key: string) => api.owner<Run>('POST', `${sync}/runs`, undefined, { 'idempotency-key': key })
    const [first, second] = await Promise.all([start('k1'), start('k1')])
    assert.deepEqual([first.status, second.status].sort(), [200, 201])
    assert.equal(first.body.id, second.body.id)
    assert.equal(first.body.trigger, 'manual')
    const other = await start('k2')
    assert.equal(other.status, 409)
    const problem = other.body as unknown as { code: string; errors: { message: string }[] }
    assert.deepEqual([problem.code, problem.errors[0]?.message], ['run_open_exists', first.body.id])
    const run = await readRun(first.body.id)
    assert.deepEqual([run.state, run.runSeq, run.counts.missing], ['queued', 1, 0])
    assert.match(run.report, /^queued: 0 rows read/)
  })

  test('show their counters, their rate and the time left while they work, and one equation at the end', async () => {
    const sync = await newSync('counted')
    const { body: run } = await api.owner<Run>('POST', `${sync}/runs`)
    await workOff(run.id, { events: 7, rejected: 3, identical: 2 })
    await setRun(run.id, { state: 'draining', rows_planned: 20, read_rows: 20 })
    const working = await readRun(run.id)
    assert.deepEqual([working.progress.rowsPlanned, working.progress.rowsLoaded], [20, 10])
    assert.ok(working.progress.rate! > 0 && working.progress.secondsLeft! > 0, JSON.stringify(working.progress))
    assert.match(working.report, /^draining: 20 of 20 rows read, 7 loaded, 3 rejected so far$/)
    await setRun(run.id, { state: 'succeeded', read_rows: 10, finished_at: new Date() })
    const over = await readRun(run.id)
    assert.equal(over.report, '10 rows read = 5 events + 2 identical rows collapsed + 3 rejected, 0 missing')
    const counted = Object.entries(over.counts).filter(([, count]) => count !== 0)
    assert.deepEqual(Object.fromEntries(counted), { read: 10, events: 5, rejected: 3, collapsed: 2, sent: 7 })
  })

  test('say what is missing', async () => {
    const sync = await newSync('missing')
    const { body: run } = await api.owner<Run>('POST', `${sync}/runs`)
    await workOff(run.id, { events: 7, rejected: 0, identical: 0 })
    await setRun(run.id, { state: 'failed', read_rows: 9, finished_at: new Date() })
    assert.equal(
      (await readRun(run.id)).report,
      '9 rows read = 7 events + 0 identical rows collapsed + 0 rejected, 2 missing',
    )
  })

  test('list their rejects in the order of the rows, page by page', async () => {
    const sync = await newSync('rejects')
    const { body: run } = await api.owner<Run>('POST', `${sync}/runs`)
    await workOff(run.id, { events: 0, rejected: 7, identical: 0 })
    const ordinals: number[] = []
    for (let after = ''; ; ) {
      const url = `${sample.base}/runs/${run.id}/rejects?limit=3${after}`
      const { body, text } = await api.owner<{ items: { ordinal: number; code: string }[]; next: string | null }>(
        'GET',
        url,
      )
      assert.ok(body.items.length <= 3, text)
      ordinals.push(...body.items.map(({ ordinal }) => ordinal))
      if (body.next === null) break
      after = `&after=${body.next}`
    }
    assert.deepEqual(ordinals, [0, 1, 2, 3, 4, 5, 6])
    const wrong = Buffer.from('{"chunk":"x"}').toString('base64url')
    assert.equal((await api.owner('GET', `${sample.base}/runs/${run.id}/rejects?after=${wrong}`)).status, 400)
  })

  test('are listed newest first, page by page', async () => {
    const sync = await newSync('history')
    for (let i = 0; i < 3; i++) {
      const { body } = await api.owner<Run>('POST', `${sync}/runs`)
      await api.owner('POST', `${sample.base}/runs/${body.id}/cancel`)
    }
    const first = await api.owner<{ items: Run[]; next: string }>('GET', `${sync}/runs?limit=2`)
    assert.deepEqual(
      first.body.items.map(({ runSeq, state }) => [runSeq, state]),
      [
        [3, 'cancelled'],
        [2, 'cancelled'],
      ],
    )
    const rest = await api.owner<{ items: Run[]; next: null }>('GET', `${sync}/runs?limit=2&after=${first.body.next}`)
    assert.deepEqual([rest.body.items.map(({ runSeq }) => runSeq), rest.body.next], [[1], null])
  })

  test('are cancelled: at once when queued, by their extractors when at work, not at all when over', async () => {
    const sync = await newSync('cancelled')
    const cancel = async (id: string) => (await api.owner<Run>('POST', `${sample.base}/runs/${id}/cancel`)).body.state
    const { body: queued } = await api.owner<Run>('POST', `${sync}/runs`)
    assert.equal(await cancel(queued.id), 'cancelled')
    const { body: reading } = await api.owner<Run>('POST', `${sync}/runs`)
    await setRun(reading.id, { state: 'reading' })
    assert.equal(await cancel(reading.id), 'cancelling')
    await setRun(reading.id, { state: 'succeeded', finished_at: new Date() })
    assert.equal(await cancel(reading.id), 'succeeded')
  })

  test('of a one-time sync end with the first that succeeds', async () => {
    const sync = await newSync('once', { mode: 'one_time', insertTimeColumn: null })
    const { body: run } = await api.owner<Run>('POST', `${sync}/runs`)
    await setRun(run.id, { state: 'failed', finished_at: new Date() })
    const { body: second, status } = await api.owner<Run>('POST', `${sync}/runs`)
    assert.equal(status, 201)
    await setRun(second.id, { state: 'succeeded', finished_at: new Date() })
    const third = await api.owner<{ code: string }>('POST', `${sync}/runs`)
    assert.deepEqual([third.status, third.body.code], [409, 'one_time_done'])
    const { body } = await api.owner<{ items: Run[] }>('GET', `${sync}/runs`)
    assert.equal(body.items.length, 2, 'the refused run left nothing behind')
  })

  test('can be triggered five times an hour, by ten callers at once as well', async () => {
    const sync = await newSync('triggered')
    const caller = await api.as('trigger')
    const answers = await Promise.all(Array.from({ length: 10 }, () => caller<Run>('PUT', `${sync}/trigger`)))
    const byStatus = Map.groupBy(answers, ({ status }) => status)
    assert.deepEqual([byStatus.get(201)?.length, byStatus.get(200)?.length, byStatus.get(429)?.length], [1, 4, 5])
    assert.equal(new Set([...byStatus.get(201)!, ...byStatus.get(200)!].map(({ body }) => body.id)).size, 1)
    const refused = byStatus.get(429)![0] as Answer<never>
    const wait = Number(refused.headers['retry-after'])
    assert.ok(wait > 3500 && wait <= 3600, `${wait}`)
    assert.equal((refused.body as { code: string }).code, 'trigger_limit')
    const other = await newSync('triggered too')
    assert.equal((await caller('PUT', `${other}/trigger`)).status, 201, 'the limit is that of one sync')
  })

  test('at work are not taken for an answer to a trigger', async () => {
    const sync = await newSync('busy')
    const { body: run } = await api.owner<Run>('POST', `${sync}/runs`)
    await setRun(run.id, { state: 'reading' })
    const { status, body } = await api.owner<{ code: string }>('PUT', `${sync}/trigger`)
    assert.deepEqual([status, body.code], [409, 'run_open_exists'])
  })

  test('can be watched: events while they change, one at the end, and the stream is over', async () => {
    const sync = await newSync('watched')
    const { body: run } = await api.owner<Run>('POST', `${sync}/runs`)
    const address = await api.api.listen({ host: '127.0.0.1', port: 0 })
    const secretHash = await hashAccountSecret('s', { logN: 8, r: 8, p: 1 })
    await createAccount(store.db, { id: 'watcher', username: 'watcher', secretHash, projectId: null, role: 'analyst' })
    const authorization = basic('watcher', 's')
    const response = await fetch(`${address}${sample.base}/runs/${run.id}/events`, { headers: { authorization } })
    assert.equal(response.status, 200)
    assert.match(response.headers.get('content-type')!, /^text\/event-stream/)
    assert.equal(response.headers.get('x-content-type-options'), 'nosniff')
    let text = ''
    const read = (async () => {
      for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) text += piece
    })()
    await until(() => text.includes('event: progress'))
    await workOff(run.id, { events: 4, rejected: 0, identical: 0 })
    await setRun(run.id, { state: 'draining' })
    await until(() => text.includes('"rowsLoaded":4'))
    await setRun(run.id, { state: 'succeeded', finished_at: new Date() })
    await read
    const events = text.split('\n\n').filter((event) => event.startsWith('event:'))
    assert.match(events.at(-1)!, /^event: end\ndata: \{.*"state":"succeeded"/)
    assert.ok(events.length >= 3)
  })

  test('can be watched no longer than the account is let in', async () => {
    let lateMs = 0
    const other = await startTestApi(store.db, { now: () => Date.now() + lateMs })
    const { body: run } = await api.owner<Run>('POST', `${await newSync('watched by a stranger')}/runs`)
    const address = await other.api.listen({ host: '127.0.0.1', port: 0 })
    const secretHash = await hashAccountSecret('s', { logN: 8, r: 8, p: 1 })
    const account = { id: 'stranger', username: 'stranger', secretHash, projectId: null, role: 'analyst' } as const
    await createAccount(store.db, account)
    const response = await fetch(`${address}${sample.base}/runs/${run.id}/events`, {
      headers: { authorization: basic('stranger', 's') },
    })
    const reader = response.body!.getReader()
    assert.match(new TextDecoder().decode((await reader.read()).value), /^event: progress/)
    await revokeAccount(store.db, 'stranger')
    lateMs = 20_000
    let end = await reader.read()
    while (!end.done) end = await reader.read()
    await other.close()
  })
})
