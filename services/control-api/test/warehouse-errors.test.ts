import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { NetError, unreachable } from '@millrace/net/net-error.ts'
import { startTestStore, type TestStore } from '@millrace/testkit/with-store.ts'
import type { Warehouse } from '@millrace/warehouses/warehouse.ts'
import { refused } from './refused.ts'
import { sampleProject } from './sample-bodies.ts'
import { SampleWarehouses } from './sample-warehouse.ts'
import { startTestApi, type TestApi } from './test-api.ts'

describe('a warehouse that fails after its source was stored', () => {
  let store: TestStore
  let api: TestApi
  let source: string
  let listSchemas: Warehouse['listSchemas']
  const warehouses = new SampleWarehouses()

  before(async () => {
    store = await startTestStore()
    api = await startTestApi(store.db, {
      openWarehouse: (request) => ({ ...warehouses.open(request), listSchemas: (signal) => listSchemas(signal) }),
      warehouseMs: 50,
    })
    const { base, sourceId } = await sampleProject(api.owner, 'away')
    source = `${base}/sources/${sourceId}`
  })
  after(async () => {
    await api?.close()
    await store?.close()
  })

  test('that cannot be reached is a 502 that says so', async () => {
    listSchemas = async () => {
      throw unreachable('host_unreachable', new Error('connect ECONNREFUSED 10.1.2.3:5432'))
    }
    const { hint } = refused(await api.owner('GET', `${source}/schemas`), 502, 'host_unreachable')
    assert.match(hint, /host and port/)
    assert.ok(!api.seen.some((text) => text.includes('"detail"') && text.includes('10.1.2.3')))
  })

  test('whose network the operator allows no more is a 422', async () => {
    listSchemas = async () => {
      throw new NetError('host_not_allowed', 'The host is not one that Millrace may connect to.', 'Ask the operator.')
    }
    refused(await api.owner('GET', `${source}/schemas`), 422, 'host_not_allowed')
  })

  test('that does not answer in time is a 504, and its connection is closed', async () => {
    const closed = warehouses.closed
    listSchemas = (signal) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
    refused(await api.owner('GET', `${source}/schemas`), 504, 'warehouse_slow')
    assert.equal(warehouses.closed, closed + 1)
  })
})
