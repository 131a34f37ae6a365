import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { redshiftOptions } from '@millrace/warehouses/redshift/options.ts'
import type { Warehouse } from '@millrace/warehouses/warehouse.ts'
import { type RedshiftSource, shopTable, signal, startSource } from './redshift-source.ts'

describe('the connection to Redshift', () => {
  let source: RedshiftSource
  before(async () => {
    source = await startSource()
    await source.makeTable('visits', 'n INTEGER')
  })
  after(() => source.stop())

  /** The step that failed, its code and its hint; null when all hold. */
  async function missing(warehouse: Warehouse, table = shopTable('visits')) {
    const checks = await warehouse.testConnection(signal, table)
    const failed = checks.find(({ ok }) => !ok)
    return failed === undefined ? null : [failed.step, failed.code, failed.hint]
  }

  it('holds step by step, and leaves nothing behind', async () => {
    const checks = await source.warehouse.testConnection(signal, shopTable('visits'))
    assert.deepEqual(
      checks.map(({ step, ok }) => [step, ok]),
      [
        ['Can assume the role MillraceRole', true],
        ['Can reach the cluster shop-cluster', true],
        ['Can run a statement', true],
        ['Can read schema shop: "shop.visits"', true],
        ['Can write the staging schema millrace', true],
        ['Can unload to the bucket shop-staging', true],
        ['Can read and delete in the bucket shop-staging', true],
      ],
    )
    assert.deepEqual([...(await source.staged()), ...source.objects()], [])
  })

  it('needs the external id of the project', async () => {
    const other = source.open({}, { externalId: 'of-another-project' })
    const [step, code] = (await missing(other)) ?? []
    assert.deepEqual([step, code], ['Can assume the role MillraceRole', 'permission_denied'])
    assert.throws(() => source.open({}, { externalId: undefined }), { code: 'options_invalid' })
  })

  it('needs an identity of Millrace that AWS knows', async () => {
    const other = source.open({}, { aws: { ...source.server.identity, secretAccessKey: 'wrong' } })
    assert.equal((await missing(other))?.[1], 'authentication_failed')
  })

  it('needs a network that the operator allows', async () => {
    const net = { allowedCidrs: [], awsEndpoint: source.server.endpoint }
    const [step, code] = (await missing(source.open({}, { net }))) ?? []
    assert.deepEqual([step, code], ['Can assume the role MillraceRole', 'host_not_allowed'])
  })

  it('needs what each step names', async () => {
    const { trust } = source.server
    const without = async (action: string) => {
      trust.actions.delete(action)
      const found = await missing(source.open())
      trust.actions.add(action)
      return found?.slice(0, 2)
    }
    assert.deepEqual(await without('redshift-data:ExecuteStatement'), [
      'Can reach the cluster shop-cluster',
      'permission_denied',
    ])
    assert.deepEqual(await without('s3:DeleteObject'), [
      'Can read and delete in the bucket shop-staging',
      'permission_denied',
    ])
    trust.mayUnload = false
    assert.deepEqual((await missing(source.open()))?.slice(0, 2), [
      'Can unload to the bucket shop-staging',
      'permission_denied',
    ])
    trust.mayUnload = true
    assert.deepEqual((await missing(source.open({ stagingSchema: 'nowhere' })))?.slice(0, 2), [
      'Can write the staging schema nowhere',
      'table_not_found',
    ])
    assert.deepEqual(
      (await missing(source.open({ stagingSchema: 'shop' })))?.[2],
      'Run: GRANT USAGE, CREATE ON SCHEMA "shop" TO "IAMR:MillraceRole";',
    )
    assert.equal((await missing(source.open({ clusterId: 'another' })))?.[1], 'database_not_found')
  })

  it('lists schemas and tables that may be read', async () => {
    await source.sql('CREATE TABLE shop.hidden (n INTEGER)')
    assert.ok((await source.warehouse.listSchemas(signal)).includes('shop'))
    assert.ok(!(await source.warehouse.listSchemas(signal)).includes('millrace'))
    const tables = await source.warehouse.listTables('shop', signal)
    assert.deepEqual(
      tables.map(({ name, kind }) => [name, kind]),
      [['visits', 'table']],
    )
  })

  it('has a closed set of options, without free text in hosts and statements', () => {
    const good = {
      awsAccountId: '123456789012',
      region: 'us-gov-west-1',
      clusterId: 'shop',
      database: 'dev',
      roleName: 'Millrace',
      stagingBucket: 'shop-staging',
    }
    const paths = (options: object) => redshiftOptions.problems(options, []).map(({ path }) => path)
    assert.deepEqual(paths(good), [])
    assert.deepEqual(paths({ ...good, host: 'x' }), ['/host'])
    assert.deepEqual(paths({ ...good, workgroupName: 'both' }), ['/workgroupName'])
    assert.deepEqual(paths({ ...good, clusterId: undefined }), ['/clusterId'])
    for (const region of ['us-east-1.evil.com', 'us-east-1/', 'localhost', 'us-east-1@x', ''])
      assert.deepEqual(paths({ ...good, region }), ['/region'], region)
    assert.deepEqual(paths({ ...good, stagingSchema: 'a"b' }), ['/stagingSchema'])
    assert.deepEqual(paths({ ...good, bucketPrefix: "x'/" }), ['/bucketPrefix'])
    assert.deepEqual(
      redshiftOptions.problems(good, ['password']).map(({ path }) => path),
      ['/secrets/password'],
    )
  })
})
