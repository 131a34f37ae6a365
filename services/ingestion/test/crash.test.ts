import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { after, describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { until } from '@millrace/local-stack/servers/until.ts'
import { basic, event, RunningService } from './running-service.ts'

const batchSize = 500
const gzip = { 'content-encoding': 'gzip' }

describe('a crash', () => {
  const services: RunningService[] = []
  after(async () => {
    for (const service of services) await service.close()
  })

  async function newService(env: Record<string, string> = {}): Promise<RunningService> {
    const service = new RunningService()
    services.push(service)
    await service.start(env)
    await service.putProject('1')
    return service
  }

  const batch = (number: number) =>
    gzipSync(JSON.stringify(Array.from({ length: batchSize }, (_, i) => event(number * batchSize + i))), { level: 1 })

  /** Sends batches from several clients, each again until it is answered by 200; `killAt` batches in, calls `kill`. */
  async function load(service: RunningService, batches: number, killAt: readonly number[], kill: () => Promise<void>) {
    let next = 0
    let acknowledged = 0
    const acknowledgedAtKill: number[] = []
    let restarting: Promise<void> = Promise.resolve()
    const client = async () => {
      while (next < batches) {
        const number = next++
        if (killAt.includes(number)) {
          acknowledgedAtKill.push(acknowledged)
          restarting = kill()
        }
        await until(
          async () => {
            await restarting
            return (await service.import('1', batch(number), gzip)).status === 200
          },
          { timeoutMs: 60_000, everyMs: 20, what: `batch ${number}` },
        )
        acknowledged++
      }
    }
    await Promise.all(Array.from({ length: 4 }, client))
    return acknowledgedAtKill
  }

  test('kill -9 in the middle of a load, twice, loses and doubles nothing', async () => {
    const service = await newService({ MILLRACE_SEGMENT_BYTES: '400000' })
    const batches = 120
    const atKill = await load(service, batches, [30, 75], async () => {
      await service.kill('SIGKILL')
      await service.start({ MILLRACE_SEGMENT_BYTES: '400000' })
    })
    assert.ok(atKill.length === 2 && atKill[0]! > 0 && atKill[1]! < batches, 'the kills were not mid-load')
    assert.equal((await service.read('1', 'counts/events')).total, batches * batchSize)
    assert.deepEqual((await service.read('1', 'counts/imports')).imports, [
      { importId: 'import-1', count: batches * batchSize },
    ])
  })

  for (const [point, pass] of [
    ['ingestion.beforeSync', 7],
    ['ingestion.afterSync', 7],
    ['ingestion.beforeIndex', 2],
    ['ingestion.afterIndex', 2],
  ] as const)
    test(`a process that ends at ${point} goes on with exact counts`, async () => {
      const env = { MILLRACE_SEGMENT_BYTES: '400000' }
      const service = await newService({ ...env, MILLRACE_FAILPOINTS: `${point}=exit:${pass}` })
      const batches = 24
      const watching = (async () => {
        await until(() => service.ended, { timeoutMs: 60_000, what: `the end at ${point}` })
        await service.start(env)
      })()
      await load(service, batches, [], async () => undefined)
      await watching
      assert.match(service.stderr, new RegExp(`failpoint ${point}: exit at pass ${pass}`))
      assert.equal((await service.read('1', 'counts/events')).total, batches * batchSize)
      // Batches were sent again, so copies are right; a sequence that stands twice would be a segment indexed twice.
      const twice = await service.query('1', 'SELECT count(*) - count(DISTINCT sequence) FROM events_log')
      assert.deepEqual(((await twice.json()) as { rows: unknown }).rows, [['0']])
      const log = readdirSync(`${service.dir}/data/projects/1/log`)
      assert.equal(log.length, 1)
    })

  test('an answered profile update and lookup table are there after kill -9, in their order', async () => {
    const service = await newService({ MILLRACE_TICK_MS: '60000' })
    const $token = 'token-1'
    for (let i = 0; i < 20; i++) await service.engage([{ $token, $distinct_id: 'u', $set: { last: i, [`p${i}`]: i } }])
    await service.engage([{ $token, $distinct_id: 'gone', $set: { a: 1 } }])
    await service.engage([{ $token, $distinct_id: 'gone', $delete: '' }])
    for (const name of ['old', 'new'])
      await fetch(`${service.url}/lookup-tables/t?project_id=1`, {
        method: 'PUT',
        headers: { authorization: basic, 'content-type': 'text/csv' },
        body: `id,name\n1,${name}\n`,
      })
    await service.kill('SIGKILL')
    await service.start()
    const { properties } = await service.read('1', 'profiles/u')
    assert.equal(properties.last, 19)
    assert.equal(Object.keys(properties).length, 21)
    await assert.rejects(service.read('1', 'profiles/gone'), /404/)
    assert.deepEqual(await service.read('1', 'lookup-tables/t/rows/1'), { properties: { id: '1', name: 'new' } })
  })

  test('a second process on the same folder does not start', async () => {
    const service = await newService()
    const second = new RunningService()
    services.push(second)
    await assert.rejects(
      second.start({ MILLRACE_DATA_DIR: `${service.dir}/data` }),
      /data_dir_in_use|uses the data folder/,
    )
  })
})
