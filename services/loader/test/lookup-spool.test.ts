import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { LookupSpool } from '../src/lookup-spool.ts'
import { type TestUpdate, updateMessage } from './fixtures/update-messages.ts'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'millrace-spool-test-'))
})
afterEach(() => rm(dir, { recursive: true, force: true }))

const row = (id: number, value = 'x') => ({ row: `${id}`, body: `a${id},"${value}"` })
const add = (spool: LookupSpool, seq: number, rows: readonly TestUpdate[]) =>
  spool.add(updateMessage(seq, rows, 'lookup_table').cursor)
const table = async (spool: LookupSpool) => readFile(await spool.assemble('id,value', 'code'), 'utf8')

test('a table is its rows in the order of reading, a copy of a batch left out', async () => {
  const spool = new LookupSpool(path.join(dir, 'run'))
  await add(spool, 0, [row(1), row(2, 'two\nlines')])
  await add(spool, 1, [row(3)])
  await add(spool, 0, [row(1), row(2)])
  assert.equal(spool.rows, 3)
  assert.equal(await table(spool), 'id,value\na1,"x"\na2,"two\nlines"\na3,"x"\n')
})

test('of several rows with one id the first is loaded, and the others are rejects with that reason', async () => {
  const spool = new LookupSpool(path.join(dir, 'run'))
  await add(spool, 0, [row(1), row(2, 'first'), row(2, 'second')])
  await add(spool, 1, [row(3), row(1, 'again')])
  assert.equal(await table(spool), 'id,value\na1,"x"\na2,"first"\na3,"x"\n')
  const rejects = spool.counts.flatMap((counts) => counts.rejects)
  assert.deepEqual(
    rejects.map(({ code, field, ordinal }) => [code, field, ordinal]),
    [
      ['id_twice', 'code', 2],
      ['id_twice', 'code', 1],
    ],
  )
  assert.deepEqual(
    spool.counts.map(({ inserts, refused }) => inserts - refused.inserts),
    [2, 1],
  )
})

test('a table larger than a piece of its file comes out whole', async () => {
  const spool = new LookupSpool(path.join(dir, 'run'))
  const long = 'y'.repeat(700)
  for (let seq = 0; seq < 20; seq++)
    await add(
      spool,
      seq,
      Array.from({ length: 200 }, (_, n) => row(seq * 200 + n, long)),
    )
  const lines = (await table(spool)).trimEnd().split('\n')
  assert.deepEqual(
    lines.slice(1),
    Array.from({ length: 4000 }, (_, n) => row(n, long).body),
  )
})
