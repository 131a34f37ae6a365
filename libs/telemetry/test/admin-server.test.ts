import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startAdminServer } from '../src/admin-server.ts'
import { startMetrics } from '../src/metrics.ts'

test('probes and metrics are served on the port that the port file names', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'admin-'))
  const portFile = join(folder, 'port')
  const metrics = startMetrics({ service: 'test', instance: 'one' })
  let ready: boolean | string = 'no broker yet'
  const admin = await startAdminServer({ port: 0, portFile, ready: () => ready, metrics })
  try {
    const base = `http://127.0.0.1:${await readFile(portFile, 'utf8')}`
    assert.equal(admin.url, base)
    assert.deepEqual(await readdir(folder), ['port'])
    assert.equal((await fetch(`${base}/livez`)).status, 200)
    const refused = await fetch(`${base}/readyz`)
    assert.equal(refused.status, 503)
    assert.match(await refused.text(), /no broker yet/)
    ready = true
    assert.equal((await fetch(`${base}/readyz`)).status, 200)

    const labels = { stage: 'transform', lane: 'live' } as const
    metrics.instruments.recordsIn.add(500, labels)
    metrics.instruments.batchSeconds.record(0.02, labels)
    metrics.instruments.observeLag(() => [{ value: 7, labels: { ...labels, partition: 3 } }])
    const text = await (await fetch(`${base}/metrics`)).text()
    assert.match(text, /^millrace_records_in_total\{stage="transform",lane="live"\} 500$/m)
    assert.match(text, /^millrace_batch_seconds_bucket\{stage="transform",lane="live",le="0.025"\} 1$/m)
    assert.match(text, /^millrace_lag\{stage="transform",lane="live",partition="3"\} 7$/m)
    assert.match(text, /^millrace_process_resident_memory_bytes \d+/m)
    assert.match(text, /^millrace_event_loop_delay_seconds /m)
    assert.equal((await fetch(`${base}/other`)).status, 404)
    assert.equal((await fetch(`${base}/metrics`, { method: 'POST' })).status, 405)
  } finally {
    await admin.close()
    await metrics.close()
  }
  assert.deepEqual(await readdir(folder), [])
  await rm(folder, { recursive: true })
})

test('a readiness check that throws makes the process not ready, with the reason', async () => {
  const admin = await startAdminServer({
    port: 0,
    ready: async () => {
      throw new Error('store is away')
    },
    metrics: { exposition: async () => '' },
  })
  try {
    const response = await fetch(`${admin.url}/readyz`)
    assert.equal(response.status, 503)
    assert.match(await response.text(), /store is away/)
  } finally {
    await admin.close()
  }
})

test('a port that is taken is an error at start', async () => {
  const metrics = { exposition: async () => '' }
  const first = await startAdminServer({ port: 0, ready: () => true, metrics })
  try {
    const port = Number(new URL(first.url).port)
    await assert.rejects(startAdminServer({ port, ready: () => true, metrics }), { code: 'EADDRINUSE' })
  } finally {
    await first.close()
  }
})
