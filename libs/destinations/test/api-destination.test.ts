import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { DestinationConfig, SendOutcome } from '@millrace/destinations/destination.ts'
import { classify } from '@millrace/destinations/mixpanel-api/classify.ts'
import {
  BodyMaker,
  joinedBytesMax,
  joinOperations,
  joinRecords,
  operationBytesMax,
} from '@millrace/destinations/mixpanel-api/request-body.ts'
import { openDestination } from '@millrace/destinations/open-destination.ts'
import { batchOf, RecordBatch, type RunVersion } from '@millrace/destinations/record-batch.ts'
import { opIndex, updateOps } from '@millrace/domain/wire/ops.ts'
import { type ScriptedSink, startScriptedSink } from '@millrace/testkit/scripted-sink.ts'
import fc from 'fast-check'

const signal = new AbortController().signal

function outcome(status: number, json: unknown, retryAfterMs?: number): SendOutcome {
  return classify({ status, json, text: '', retryAfterMs }, 10)
}

test('every answer has its place in the retry table', () => {
  const cases: [number, unknown, string][] = [
    [200, { code: 200, num_records_imported: 10, status: 'OK' }, 'accepted'],
    [200, { status: 1, error: null }, 'accepted'],
    [200, 1, 'accepted'],
    [200, 0, 'bad_batch'],
    [200, { status: 0, error: 'bad' }, 'bad_batch'],
    [200, undefined, 'retry'],
    [200, { hello: 1 }, 'retry'],
    [202, {}, 'retry'],
    [204, undefined, 'retry'],
    [400, { failed_records: [{ index: 1, field: 'f', message: 'm' }] }, 'accepted'],
    [400, { failed_records: [] }, 'bad_batch'],
    [400, { failed_records: [{ index: 10 }] }, 'bad_batch'],
    [400, undefined, 'bad_batch'],
    [401, {}, 'needs_attention'],
    [403, {}, 'needs_attention'],
    [404, {}, 'needs_attention'],
    [302, {}, 'needs_attention'],
    [413, {}, 'too_large'],
    [408, {}, 'retry'],
    [425, {}, 'retry'],
    [429, {}, 'retry'],
    [500, {}, 'retry'],
    [503, {}, 'retry'],
  ]
  for (const [status, json, kind] of cases) {
    assert.equal(outcome(status, json).kind, kind, `${status} ${JSON.stringify(json)}`)
  }
  assert.deepEqual(outcome(429, {}, 2000), { kind: 'retry', reason: 'http_429', afterMs: 2000 })
})

test('a joined body is the JSON array of its records, with the token in each when one is given', () => {
  const objects = fc.array(fc.dictionary(fc.string({ minLength: 1 }), fc.string(), { minKeys: 1 }), { minLength: 1 })
  fc.assert(
    fc.property(objects, fc.boolean(), fc.nat(), fc.nat(), (records, withToken, a, b) => {
      const batch = batchOf(records.map((record) => Buffer.from(JSON.stringify(record))))
      const from = a % records.length
      const to = from + 1 + (b % (records.length - from))
      const prefix = withToken ? Buffer.from('{"$token":"secret \\"token\\"",') : null
      const size = joinedBytesMax(batch, from, to, prefix?.length ?? 0)
      const target = Buffer.alloc(size)
      const length = joinRecords(batch, from, to, prefix, target)
      const expected = records
        .slice(from, to)
        .map((record) => (withToken ? { $token: 'secret "token"', ...record } : record))
      assert.deepEqual(
        JSON.stringify(JSON.parse(target.toString('utf8', 0, length))),
        JSON.stringify(JSON.parse(JSON.stringify(expected))),
      )
    }),
  )
})

/** Records of a mirror, each with its operation and ordinal. */
function versioned(
  version: RunVersion,
  records: readonly { readonly op: (typeof updateOps)[number]; readonly ordinal: number; readonly body: string }[],
): RecordBatch {
  const batch = new RecordBatch(records.length, version)
  for (const { op, ordinal, body } of records) {
    const source = batch.addBuffer(Buffer.from(body))
    batch.add(source, 0, Buffer.byteLength(body), opIndex(op), ordinal)
  }
  return batch
}

test('a record of a mirror is an operation with its version in front, within the room that was counted for it', () => {
  const natural = fc.maxSafeNat()
  const records = fc.array(
    fc.record({
      op: fc.constantFrom(...updateOps),
      ordinal: natural,
      body: fc.string().map((text) => `{"a":${JSON.stringify(text)}}`),
    }),
    { minLength: 1 },
  )
  fc.assert(
    fc.property(
      fc.record({ generation: natural, runSeq: natural }),
      records,
      fc.nat(),
      fc.nat(),
      (version, all, a, b) => {
        const batch = versioned(version, all)
        const from = a % all.length
        const to = from + 1 + (b % (all.length - from))
        const room = joinedBytesMax(batch, from, to, operationBytesMax(version))
        const target = Buffer.alloc(room + 1)
        const length = joinOperations(batch, from, to, target)
        assert.ok(length <= room)
        assert.ok(operationBytesMax(version) < 128, 'the loader counts 128 bytes for each record')
        const expected = all
          .slice(from, to)
          .map(({ op, ordinal, body }) => [
            op === 'insert' || op === 'update' ? 'upsert' : 'delete',
            version.generation,
            version.runSeq,
            ordinal,
            JSON.parse(body),
          ])
        assert.deepEqual(JSON.parse(target.toString('utf8', 0, length)), expected)
        assert.equal(new BodyMaker().make(batch, from, to, null).bytes, length)
      },
    ),
  )
})

describe('the destination ingestion', () => {
  let sink: ScriptedSink
  const config = (): DestinationConfig => ({
    kind: 'ingestion',
    baseUrl: sink.url,
    destinationProjectId: '7',
    token: 'token-7',
    username: 'loader',
    secret: 'secret',
  })
  const local = { connections: 2, policy: { allowedCidrs: ['127.0.0.0/8'] } }
  before(async () => {
    sink = await startScriptedSink({ username: 'loader', secret: 'secret' })
  })
  after(() => sink?.close())

  test('takes users and groups with the token of the project, and replaces lookup tables whole', async () => {
    const destination = openDestination(config(), local)
    const dir = await mkdtemp(path.join(tmpdir(), 'millrace-table-'))
    try {
      const user = batchOf([Buffer.from('{"$distinct_id":"u1","$set":{"a":1}}')])
      const group = batchOf([Buffer.from('{"$group_key":"k","$group_id":"g1","$set":{"b":2}}')])
      for (const [type, batch] of [
        ['user_profiles', user],
        ['group_profiles', group],
      ] as const) {
        const sent = await destination.send(await destination.prepare(type, batch, 0, 1), signal)
        assert.deepEqual(sent, { kind: 'accepted', refused: [] })
      }
      assert.deepEqual(
        [...sink.state.profiles],
        [
          ['token-7/u1', { a: 1 }],
          ['token-7/k/g1', { b: 2 }],
        ],
      )
      const file = path.join(dir, 'table.csv')
      await writeFile(file, 'id,name\n1,one\n')
      const replaced = await destination.replaceLookupTable('a b/c', file, signal)
      assert.equal(replaced.kind, 'accepted')
      assert.deepEqual([...sink.state.lookupTables], [['a b/c', 'id,name\n1,one\n']])
    } finally {
      await destination.close()
      await rm(dir, { recursive: true, force: true })
    }
  })

  test('takes operations on versions where it keeps them, and removes older generations of an import', async () => {
    const destination = openDestination(config(), local)
    const seen: string[] = []
    sink.script(({ method, path, projectId }) => {
      seen.push(`${method} ${path} ${projectId}`)
      if (method === 'POST') return { kind: 'status', status: 200, body: '{"code":200,"status":"OK"}' }
      return { kind: 'status', status: seen.length < 6 ? 503 : 202, body: '{}' }
    })
    const batch = versioned({ generation: 1, runSeq: 2 }, [{ op: 'insert', ordinal: 0, body: '{}' }])
    const plain = batchOf([Buffer.from('{}')])
    for (const [type, records] of [
      ['events', batch],
      ['user_profiles', batch],
      ['group_profiles', batch],
      ['events', plain],
    ] as const) {
      const outcome = await destination.send(await destination.prepare(type, records, 0, 1), signal)
      assert.deepEqual(outcome, { kind: 'accepted', refused: [] })
    }
    const outcomes = [1, 2].map(() => destination.removeOlderGenerations('a b/c', 3, signal))
    assert.deepEqual((await Promise.all(outcomes)).map(({ kind }) => kind).sort(), ['accepted', 'retry'])
    assert.deepEqual(seen, [
      'POST /mirror/events 7',
      'POST /mirror/profiles 7',
      'POST /mirror/profiles 7',
      'POST /import 7',
      'DELETE /api/projects/7/imports/a%20b%2Fc ',
      'DELETE /api/projects/7/imports/a%20b%2Fc ',
    ])
    sink.script(() => ({ kind: 'status', status: 413 }))
    assert.equal((await destination.removeOlderGenerations('a', 3, signal)).kind, 'needs_attention')
    sink.script(() => undefined)
    await destination.close()
  })

  test('that repeats the credentials of a request in its errors does not bring them to logs and answers', async () => {
    const destination = openDestination(config(), local)
    const basic = Buffer.from('loader:secret').toString('base64')
    const echo = `token-7 with loader and secret (Basic ${basic}) is refused`
    const request = await destination.prepare('events', batchOf([Buffer.from('{}')]), 0, 1)
    const answers: [number, object][] = [
      [403, { error: echo }],
      [400, { error: echo }],
      [400, { failed_records: [{ index: 0, field: 'token-7', message: echo }] }],
    ]
    for (const [status, body] of answers) {
      sink.script(() => ({ kind: 'status', status, body: JSON.stringify(body) }))
      const text = JSON.stringify(await destination.send(request, signal))
      assert.match(text, /is refused/)
      for (const secret of ['token-7', 'secret', basic]) assert.ok(!text.includes(secret), text)
    }
    sink.script(() => undefined)
    await destination.close()
  })

  test('is not spoken to in a network that the operator has not allowed', async () => {
    const destination = openDestination(config(), { connections: 1, policy: { allowedCidrs: [] } })
    const before = sink.requests.length
    const request = await destination.prepare('events', batchOf([Buffer.from('{}')]), 0, 1)
    const sent = await destination.send(request, signal)
    assert.notEqual(sent.kind, 'accepted')
    assert.equal(sink.requests.length, before)
    await destination.close()
  })
})

test('Mixpanel keeps no versions, so rows of a mirror are refused before anything is sent', async () => {
  const config = { kind: 'mixpanel', region: 'EU', destinationProjectId: '1', token: 't', username: 'u', secret: 's' }
  const destination = openDestination(config as DestinationConfig, { connections: 1, policy: { allowedCidrs: [] } })
  const batch = versioned({ generation: 1, runSeq: 1 }, [{ op: 'insert', ordinal: 0, body: '{}' }])
  const refused = { name: 'DestinationError', code: 'mirror_not_supported' }
  await assert.rejects(destination.prepare('events', batch, 0, 1), refused)
  await assert.rejects(destination.prepare('user_profiles', batch, 0, 1), refused)
  await assert.rejects(destination.removeOlderGenerations('i', 2, signal), refused)
  await destination.close()
})

test('Mixpanel is only ever spoken to at the host of a region', () => {
  const config = { kind: 'mixpanel', destinationProjectId: '1', token: 't', username: 'u', secret: 's' } as const
  const parts = { connections: 1, policy: { allowedCidrs: [] } }
  const region = 'XX' as 'US'
  assert.throws(() => openDestination({ ...config, region }, parts), { code: 'region_unknown' })
  assert.throws(() => openDestination({ ...config, kind: 'ingestion', baseUrl: 'http://a@b/' }, parts), {
    code: 'base_url_invalid',
  })
})
