import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { rolePolicy } from '@millrace/warehouses/redshift/iam-documents.ts'
import { redshiftSetUp } from '@millrace/warehouses/redshift/set-up-steps.ts'
import { readNames } from '@millrace/warehouses/set-up/set-up-guide.ts'
import { type RedshiftSource, shopTable, signal, startSource } from './redshift-source.ts'

describe('the set-up of Redshift', () => {
  let source: RedshiftSource
  let all: readonly string[]
  before(async () => {
    source = await startSource()
    await source.makeTable('visits', 'n INTEGER')
    await source.sql('CREATE TABLE shop.closed (n INTEGER)')
    all = [...source.server.trust.actions]
  })
  after(() => source.stop())
  afterEach(() => {
    for (const action of all) source.server.trust.actions.add(action)
    source.server.trust.mayUnload = true
  })

  /** The steps that the checks of a connection miss. */
  async function missing(options = {}, table = shopTable('visits'), more = {}) {
    const checks = await source.open(options, more).testConnection(signal, table)
    return checks.filter(({ ok }) => !ok).map(({ setUpStep }) => setUpStep)
  }

  for (const dbUser of [undefined, 'millrace'])
    it(`shows a policy that is enough for a connection${dbUser ? ' as a database user' : ''}`, async () => {
      const { accountId, region, clusterId, database, bucket, trust } = source.server
      const { Statement } = rolePolicy({
        awsAccountId: accountId,
        region,
        clusterId,
        workgroupName: undefined,
        database,
        dbUser,
        stagingBucket: bucket,
        bucketPrefix: 'millrace/',
      })
      if (dbUser !== undefined) {
        await source.sql(`GRANT USAGE ON SCHEMA shop TO ${dbUser}; GRANT SELECT ON shop.visits TO ${dbUser}`)
        await source.sql(`GRANT USAGE, CREATE ON SCHEMA millrace TO ${dbUser}`)
      }
      const shown = new Set(Statement.flatMap((each) => (each as { Action: string[] }).Action))
      for (const action of all) if (!shown.has(action)) trust.actions.delete(action)
      assert.deepEqual(await missing(dbUser === undefined ? {} : { dbUser }), [])
    })

  it('each thing that is missing fails the check of its own step, which the set-up has', async () => {
    const { trust } = source.server
    const without = async (action: string) => {
      trust.actions.delete(action)
      const found = await missing()
      trust.actions.add(action)
      return found
    }
    const found = [
      await missing({}, shopTable('visits'), { externalId: 'of-another-project' }),
      await without('redshift-data:ExecuteStatement'),
      await missing({}, shopTable('closed')),
      await missing({ stagingSchema: 'shop' }),
      await without('s3:DeleteObject'),
    ]
    trust.mayUnload = false
    found.push(await missing())
    assert.deepEqual(found, [['role'], ['policy'], ['read-schema'], ['staging-schema'], ['policy'], ['unload-policy']])
    const names = readNames(redshiftSetUp, {
      awsAccountId: '123456789012',
      region: 'us-east-1',
      clusterId: 'shop',
      database: 'dev',
      roleName: 'r',
      stagingBucket: 'shop-staging',
    })
    assert.ok(names.ok)
    const ids = new Set(redshiftSetUp.steps(names.names, {}).map(({ id }) => id))
    for (const [step] of found) assert.ok(ids.has(step ?? ''), step)
  })
})
