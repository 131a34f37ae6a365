import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { FrameBuilder, headerBytes, lineText } from '../src/log/record-line.ts'
import { mergeProfiles } from '../src/profiles/profile-merge.ts'
import { readProfileUpdate } from '../src/profiles/profile-update.ts'

type Update = { id: string; name: string; op: '$set' | '$set_once' | '$unset' | '$delete' | '$add'; value: number }

const update: fc.Arbitrary<Update> = fc.record({
  id: fc.constantFrom('a', 'b', 'tab\t"id"'),
  name: fc.constantFrom('x', 'y', '__proto__'),
  op: fc.constantFrom('$set', '$set_once', '$unset', '$delete', '$add'),
  value: fc.integer({ min: -5, max: 5 }),
})

/** What a profile is, said without merging: each property by its last operations in the order of the log. */
function model(updates: readonly Update[]): Record<string, Record<string, number>> {
  const profiles = new Map<string, Map<string, number>>()
  for (const { id, name, op, value } of updates) {
    if (op === '$delete') profiles.delete(id)
    else if (op === '$unset') profiles.get(id)?.delete(name)
    else {
      const profile = profiles.get(id) ?? new Map<string, number>()
      profiles.set(id, profile)
      const before = profile.get(name)
      if (op === '$set') profile.set(name, value)
      else if (op === '$add') profile.set(name, (before ?? 0) + value)
      else if (before === undefined) profile.set(name, value)
    }
  }
  return Object.fromEntries([...profiles].map(([id, profile]) => [id, Object.fromEntries(profile)]))
}

function toJson({ id, name, op, value }: Update): string {
  const record = `{"$token":"t","$distinct_id":${JSON.stringify(id)},`
  if (op === '$delete') return `${record}"$delete":""}`
  if (op === '$unset') return `${record}"$unset":[${JSON.stringify(name)}]}`
  return `${record}"${op}":{${JSON.stringify(name)}:${value}}}`
}

describe('profiles', () => {
  let instance: DuckDBInstance
  let connection: DuckDBConnection
  before(async () => {
    instance = await DuckDBInstance.create(':memory:', { threads: '1' })
    connection = await instance.connect()
  })
  after(() => {
    connection.closeSync()
    instance.closeSync()
  })

  test('are what their updates say in the order of the log, however the log is cut into frames', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(update, { minLength: 1, maxLength: 6 }), { maxLength: 5 }), async (frames) => {
        await connection.run(
          'CREATE OR REPLACE TABLE profiles (group_key VARCHAR, id VARCHAR, sequence UBIGINT, updated_ms BIGINT, properties VARCHAR)',
        )
        let sequence = 1
        for (const updates of frames) {
          const frame = new FrameBuilder('p', sequence, 16)
          for (const each of updates) {
            const read = readProfileUpdate(JSON.parse(toJson(each)), false)
            assert.ok('json' in read)
            frame.line(0, lineText(read.groupKey), lineText(read.id), read.json)
          }
          sequence += updates.length
          const bytes = frame.finish()
          const lines = bytes.subarray(headerBytes)
          await mergeProfiles(connection, {
            kind: 'p',
            firstSequence: frame.firstSequence,
            records: frame.records,
            bytes: lines.length,
            position: 0,
            lines,
          })
        }
        const rows = (await connection.runAndReadAll('SELECT id, properties FROM profiles')).getRows() as [
          string,
          string,
        ][]
        const found = Object.fromEntries(rows.map(([id, properties]) => [id, JSON.parse(properties)]))
        assert.equal(rows.length, Object.keys(found).length)
        assert.deepEqual(found, model(frames.flat()))
      }),
      { numRuns: 60 },
    )
  })
})
