import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { DatabricksCluster } from '@millrace/testkit/databricks/cluster.ts'
import { listeningAddresses } from '@millrace/testkit/databricks/listening-addresses.ts'
import { statementOf, toDatabricks, toSpark } from '@millrace/testkit/databricks/thrift-dialect.ts'
import { messageEnd, ShortMessage } from '@millrace/testkit/databricks/thrift-fields.ts'
import { WorkspaceAccess } from '@millrace/testkit/databricks/workspace-access.ts'

const i32 = (n: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(n)
  return bytes
}
const text = (value: string) => Buffer.concat([i32(Buffer.byteLength(value)), Buffer.from(value)])
const field = (type: number, id: number, value: Buffer) =>
  Buffer.concat([Buffer.from([type, id >> 8, id & 255]), value])
const struct = (...fields: readonly Buffer[]) => Buffer.concat([...fields, Buffer.from([0])])
const message = (name: string, body: Buffer) => Buffer.concat([i32(-2147418111), text(name), i32(1), body])

test('a session opens with a version of the protocol that Spark knows', () => {
  const opened = message('OpenSession', struct(field(12, 1, struct(field(8, 1, i32(0xa508)), field(11, 2, text('x'))))))
  const expected = message('OpenSession', struct(field(12, 1, struct(field(8, 1, i32(9)), field(11, 2, text('x'))))))
  assert.deepEqual(toSpark(opened), expected)
})

test('the columns of a result are numbered from one, and its format is told', () => {
  const column = (position: number) => struct(field(11, 1, text('c')), field(8, 3, i32(position)))
  const list = (...items: readonly Buffer[]) => Buffer.concat([Buffer.from([12]), i32(items.length), ...items])
  const answer = (first: number, ...more: readonly Buffer[]) => {
    const schema = struct(field(15, 1, list(column(first), column(first + 1))))
    return message('GetResultSetMetadata', struct(field(12, 0, struct(field(12, 2, schema), ...more))))
  }
  assert.deepEqual(toDatabricks(answer(0)), answer(1, field(8, 1281, i32(1))))
})

test('a message is known to be whole, however it is cut, and its statement is found', () => {
  const sql = "SELECT 'ü'"
  const whole = message(
    'ExecuteStatement',
    struct(field(12, 1, struct(field(11, 2, text(sql)), field(2, 4, Buffer.from([1]))))),
  )
  assert.equal(messageEnd(whole), whole.length)
  assert.equal(statementOf(whole), sql)
  for (let cut = 0; cut < whole.length; cut++) {
    assert.throws(() => {
      const end = messageEnd(whole.subarray(0, cut))
      if (end > cut) throw new ShortMessage(end)
    }, ShortMessage)
  }
})

test('a suspended cluster is started by who may start it, and refuses until it runs', () => {
  let now = 0
  const cluster = new DatabricksCluster(() => now)
  cluster.startMs = 1000
  assert.equal(cluster.admit(), null)
  cluster.suspend()
  cluster.mayRestart = false
  assert.equal(cluster.admit()?.status, 403)
  assert.equal(cluster.state, 'TERMINATED')
  cluster.mayRestart = true
  assert.equal(cluster.admit()?.status, 503)
  now = 999
  assert.equal(cluster.admit()?.code, 'TEMPORARILY_UNAVAILABLE')
  now = 1000
  assert.equal(cluster.admit(), null)
})

test('tokens are given for a client id and its secret, and end', () => {
  let now = 0
  const access = new WorkspaceAccess(() => now)
  const form = new URLSearchParams('grant_type=client_credentials&scope=all-apis')
  const basic = (secret: string) => `Basic ${Buffer.from(`${access.clientId}:${secret}`).toString('base64')}`
  assert.equal(access.exchange(basic('other'), form).status, 401)
  assert.equal(access.exchange(basic(access.clientSecret), new URLSearchParams('grant_type=password')).status, 400)
  const { access_token: token } = access.exchange(basic(access.clientSecret), form).body as { access_token: string }
  assert.equal(access.isAllowed(`Bearer ${token}`), true)
  now = access.lifetimeMs
  assert.equal(access.isAllowed(`Bearer ${token}`), false)
  assert.equal(access.isAllowed(`Bearer ${access.token}`), true)
})

test('the addresses on which a process listens are known', { skip: process.platform !== 'linux' }, async () => {
  const inside = createServer().listen(0, '127.0.0.1')
  await once(inside, 'listening')
  assert.ok(listeningAddresses(process.pid).includes('127.0.0.1'))
  inside.close()
})
