import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import {
  DescribeStatementCommand,
  ExecuteStatementCommand,
  GetStatementResultCommand,
  RedshiftDataClient,
} from '@aws-sdk/client-redshift-data'
import { DeleteObjectsCommand, GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts'
import { until } from '@millrace/local-stack/servers/until.ts'
import { type RedshiftServer, startRedshiftServer } from '@millrace/testkit/redshift/redshift-server.ts'

describe('the stand-in for Redshift, STS and S3', () => {
  let server: RedshiftServer
  let data: RedshiftDataClient
  let s3: S3Client
  before(async () => {
    server = await startRedshiftServer()
    server.trust.externalIds.add('external-1')
    const credentials = await sessionOf('external-1')
    const common = { region: server.region, endpoint: server.endpoint, credentials, maxAttempts: 1 }
    data = new RedshiftDataClient(common)
    s3 = new S3Client({ ...common, forcePathStyle: true })
    await server.sql('CREATE SCHEMA shop')
    await server.sql('CREATE TABLE shop.visits (id bigint, name varchar(100), ok boolean)')
    await server.sql(
      `INSERT INTO shop.visits VALUES (1, 'a|b', true), (2, E'line\\nfeed \\\\ back', false), (3, NULL, NULL)`,
    )
    await server.sql(`GRANT USAGE ON SCHEMA shop TO ${server.dbUser}`)
    await server.sql(`GRANT SELECT ON shop.visits TO ${server.dbUser}`)
  })
  after(() => server.close())

  async function sessionOf(externalId: string) {
    const sts = new STSClient({
      region: server.region,
      endpoint: server.endpoint,
      credentials: server.identity,
      maxAttempts: 1,
    })
    const { Credentials: given } = await sts.send(
      new AssumeRoleCommand({
        RoleArn: `arn:aws:iam::${server.accountId}:role/${server.roleName}`,
        RoleSessionName: 'test',
        ExternalId: externalId,
      }),
    )
    return {
      accessKeyId: given?.AccessKeyId ?? '',
      secretAccessKey: given?.SecretAccessKey ?? '',
      sessionToken: given?.SessionToken ?? '',
    }
  }

  async function run(sql: string, more: { ClientToken?: string } = {}) {
    const place = { Database: server.database, ClusterIdentifier: server.clusterId, DbUser: server.dbUser }
    const { Id } = await data.send(new ExecuteStatementCommand({ ...place, Sql: sql, ...more }))
    return await until(async () => {
      const found = await data.send(new DescribeStatementCommand({ Id }))
      return found.Status === 'FINISHED' || found.Status === 'FAILED' ? found : null
    })
  }

  test('a role is assumed only under the external id that it trusts', async () => {
    await assert.rejects(sessionOf('another'), { name: 'AccessDenied' })
  })

  test('rows come with their types, and NULL is told', async () => {
    const { Id, HasResultSet } = await run('SELECT id, name, ok FROM shop.visits ORDER BY id')
    assert.equal(HasResultSet, true)
    const { Records } = await data.send(new GetStatementResultCommand({ Id }))
    assert.deepEqual(Records?.[0], [{ longValue: 1 }, { stringValue: 'a|b' }, { booleanValue: true }])
    assert.deepEqual(Records?.[2], [{ longValue: 3 }, { isNull: true }, { isNull: true }])
  })

  test('a token finds the statement that was asked for with it, and refuses another one', async () => {
    const first = await run('SELECT 1', { ClientToken: 't1' })
    assert.equal((await run('SELECT 1', { ClientToken: 't1' })).Id, first.Id)
    await assert.rejects(run('SELECT 2', { ClientToken: 't1' }), { name: 'ValidationException' })
  })

  test('what Redshift does not know, or does not allow, fails in its words', async () => {
    await server.sql('CREATE TABLE shop.later (id int)')
    assert.match((await run('SELECT * FROM shop.later')).Error ?? '', /permission denied for relation later/)
    assert.match((await run('SELECT count(*) FILTER (WHERE true) FROM shop.visits')).Error ?? '', /near "FILTER"/)
    assert.match((await run("SELECT string_agg(name, ',') FROM shop.visits")).Error ?? '', /does not exist/)
    assert.match((await run('SELECT * FROM shop.nothing')).Error ?? '', /relation "shop.nothing" does not exist/)
  })

  test('names are folded to lower case, also in quotes', async () => {
    assert.equal((await run('SELECT "ID" FROM "SHOP"."Visits"')).Status, 'FINISHED')
  })

  test('UNLOAD writes files and a manifest, and refuses a place that is not empty', async () => {
    const unload = `UNLOAD ('SELECT id, name FROM shop.visits ORDER BY id') TO 's3://${server.bucket}/a/part_' IAM_ROLE default DELIMITER '|' ESCAPE GZIP MANIFEST VERBOSE MAXFILESIZE 16 MB`
    assert.equal((await run(unload)).Error, undefined)
    const listed = await s3.send(new ListObjectsV2Command({ Bucket: server.bucket, Prefix: 'a/' }))
    const keys = (listed.Contents ?? []).map(({ Key }) => String(Key))
    assert.deepEqual(keys, ['a/part_0000_part_00.gz', 'a/part_0001_part_00.gz', 'a/part_manifest'])
    const content = async (Key: string) => {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket: server.bucket, Key }))
      return Buffer.from(await Body!.transformToByteArray())
    }
    assert.equal(gunzipSync(await content(keys[0]!)).toString(), '1|a\\|b\n2|line\\\nfeed \\\\ back\n3|\n')
    const { entries } = JSON.parse((await content(keys[2]!)).toString()) as {
      entries: { meta: { record_count: number } }[]
    }
    assert.deepEqual(
      entries.map(({ meta }) => meta.record_count),
      [3, 0],
    )
    assert.match((await run(unload)).Error ?? '', /is not empty/)
    await s3.send(
      new DeleteObjectsCommand({
        Bucket: server.bucket,
        Delete: { Objects: keys.map((Key) => ({ Key })), Quiet: true },
      }),
    )
    assert.equal(server.objects.list('a/').length, 0)
  })

  test('UNLOAD needs a role that may write into the bucket', async () => {
    const unload = (role: string) => `UNLOAD ('SELECT 1') TO 's3://${server.bucket}/b/' IAM_ROLE ${role} ESCAPE`
    assert.match((await run(unload("'arn:aws:iam::1:role/other'"))).Error ?? '', /not authorized to assume IAM Role/)
    server.trust.mayUnload = false
    assert.match((await run(unload('default'))).Error ?? '', /S3ServiceException:Access Denied/)
    server.trust.mayUnload = true
  })

  test('what the policy of the role does not allow is refused by name', async () => {
    server.trust.actions.delete('s3:GetObject')
    await assert.rejects(s3.send(new GetObjectCommand({ Bucket: server.bucket, Key: 'x' })), { name: 'AccessDenied' })
    server.trust.actions.add('s3:GetObject')
    server.trust.actions.delete('redshift:GetClusterCredentials')
    await assert.rejects(run('SELECT 1'), { name: 'AccessDeniedException' })
    server.trust.actions.add('redshift:GetClusterCredentials')
  })
})
