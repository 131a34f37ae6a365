import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { Batcher } from '../src/batcher.ts'
import { Ledger } from '../src/ledger.ts'
import type { LoadBatch } from '../src/load-batch.ts'
import { bodiesOf, type TestUpdate, updateMessage } from './fixtures/update-messages.ts'

const messages = fc.array(fc.array(fc.tuple(fc.nat(15), fc.nat(3), fc.nat(60)), { maxLength: 30 }), {
  minLength: 1,
  maxLength: 12,
})
const limits = fc.record({
  recordsMax: fc.integer({ min: 1, max: 20 }),
  bytesMax: fc.integer({ min: 400, max: 4000 }),
  orderFree: fc.boolean(),
})

/** Bodies say which row they are of and when it changed; a version that comes again has the same bytes. */
function updatesOf(message: readonly (readonly [number, number, number])[], n: number): TestUpdate[] {
  return message.map(([row, version, pad], at) => ({
    row: `row-${row}`,
    body: JSON.stringify({ row, at: version === 0 ? 'same' : `${n}/${at}`, pad: 'x'.repeat(pad) }),
  }))
}

test('a batch never exceeds its records and bytes, and every update is in exactly one', () => {
  fc.assert(
    fc.property(messages, limits, (sent, { recordsMax, bytesMax }) => {
      const batches: LoadBatch[] = []
      const batcher = new Batcher(
        (batch) => batches.push(batch),
        () => 0,
      )
      const expected: string[] = []
      for (const [n, message] of sent.entries()) {
        const updates = updatesOf(message, n)
        expected.push(...updates.map(({ body }) => body))
        const { entry, cursor } = updateMessage(n, updates)
        batcher.add(entry, cursor, 'project', 'events', { recordsMax, bytesMax, orderFree: true })
      }
      batcher.seal(0)
      for (const batch of batches) {
        assert.ok(batch.length >= 1 && batch.length <= recordsMax)
        const bytes = bodiesOf(batch).reduce((sum, body) => sum + body.length + 1, 2)
        assert.ok(bytes <= bytesMax || batch.length === 1)
      }
      assert.deepEqual(batches.flatMap(bodiesOf), expected)
    }),
  )
})

test('where order matters no two unanswered batches hold a row, and the updates of a row arrive in order', async () => {
  await fc.assert(
    fc.asyncProperty(
      messages,
      limits,
      fc.array(fc.nat(1000), { minLength: 40, maxLength: 40 }),
      async (sent, given, picks) => {
        const atSink: string[] = []
        const inFlight: LoadBatch[] = []
        const send = async (batch: LoadBatch) => {
          await Promise.all(batch.after)
          for (const other of inFlight) {
            for (const row of batch.rows.keys())
              assert.ok(!other.rows.has(row), 'two requests in flight hold the same row')
          }
          inFlight.push(batch)
        }
        const batcher = new Batcher(
          (batch) => void send(batch),
          () => 0,
        )
        let pick = 0
        const answerOne = async () => {
          await turn()
          if (inFlight.length === 0) return
          const [batch] = inFlight.splice(picks[pick++ % picks.length]! % inFlight.length, 1)
          atSink.push(...bodiesOf(batch!))
          batch!.finish(true)
          await turn()
        }
        const last = new Map<string, string>()
        for (const [n, message] of sent.entries()) {
          const updates = updatesOf(message, n)
          for (const { row, body } of updates) last.set(row, body)
          const { entry, cursor } = updateMessage(n, updates, 'user_profiles')
          batcher.add(entry, cursor, 'project', 'user_profiles', { ...given, orderFree: false })
          if (n % 2 === 1) await answerOne()
        }
        batcher.seal(0)
        for (let n = 0; n < 500 && (n < 3 || inFlight.length > 0); n++) await answerOne()
        const final = new Map<string, string>()
        for (const body of atSink) final.set(`row-${JSON.parse(body).row}`, body)
        assert.deepEqual(final, last)
      },
    ),
    { numRuns: 60 },
  )
})

test('the offset never passes a message that has records without an answer, whatever the order of answers', () => {
  fc.assert(
    fc.property(messages, fc.array(fc.nat(1000), { minLength: 20, maxLength: 20 }), (sent, picks) => {
      const batches: LoadBatch[] = []
      const batcher = new Batcher(
        (batch) => batches.push(batch),
        () => 0,
      )
      const ledger = new Ledger(0n)
      const entries = sent.map((message, n) => {
        const { entry, cursor } = updateMessage(n, updatesOf(message, n))
        ledger.add(entry)
        batcher.add(entry, cursor, 'project', 'events', { recordsMax: 7, bytesMax: 100_000, orderFree: true })
        entry.close()
        return entry
      })
      batcher.seal(0)
      const counted: number[] = []
      for (let n = 0; ; n++) {
        const step = ledger.take()
        if (step) {
          assert.ok(entries.every((entry) => entry.offset >= step.nextOffset || entry.pending === 0))
          counted.push(...step.counts.map(({ seq }) => seq))
        }
        if (batches.length === 0) break
        batches.splice(picks[n % picks.length]! % batches.length, 1)[0]!.finish(true)
      }
      assert.deepEqual(
        counted,
        sent.map((_, n) => n),
        'each message is counted once, in order',
      )
      assert.equal(ledger.nextOffset, BigInt(sent.length))
    }),
  )
})

test('records of a mirror share a batch only with those of their run, and no order keeps them apart', () => {
  const batches: LoadBatch[] = []
  const batcher = new Batcher(
    (batch) => batches.push(batch),
    () => 0,
  )
  const limits = { recordsMax: 100, bytesMax: 100_000, orderFree: true }
  const removed = Promise.resolve()
  const add = (n: number, runSeq: number, isMirror: boolean) => {
    const { entry, cursor } = updateMessage(n, [{ row: 'a', body: `${n}` }], 'user_profiles', runSeq)
    batcher.add(
      entry,
      cursor,
      'project',
      'user_profiles',
      limits,
      isMirror ? { after: n === 3 ? removed : null } : null,
    )
  }
  add(0, 1, true)
  add(1, 2, true)
  add(2, 1, false)
  add(3, 1, true)
  batcher.seal(0)
  assert.deepEqual(
    batches.map((batch) => [batch.records.version?.runSeq ?? null, bodiesOf(batch)]),
    [
      [1, ['0', '3']],
      [2, ['1']],
      [null, ['2']],
    ],
  )
  assert.deepEqual(batches[0]!.after, [removed])
})

test('a row that moved counts once, as its update or as one reject, whatever of it is refused', () => {
  const moved = [
    { row: 'a', body: 'old', op: 'retract' },
    { row: 'a', body: 'new', op: 'update' },
    { row: 'b', body: 'gone', op: 'delete' },
  ] as const
  for (const [refused, counted] of [
    [[], { updates: 1, deletes: 1, rejected: 0 }],
    [[0], { updates: 0, deletes: 1, rejected: 1 }],
    [[1], { updates: 0, deletes: 1, rejected: 1 }],
    [[0, 1], { updates: 0, deletes: 1, rejected: 1 }],
    [[2], { updates: 1, deletes: 0, rejected: 1 }],
  ] as const) {
    const ledger = new Ledger(0n)
    const batcher = new Batcher(
      (batch) => {
        for (const at of refused) batch.refuse(at, '', 'no')
        batch.finish(true)
      },
      () => 0,
    )
    const { entry, cursor } = updateMessage(0, moved)
    ledger.add(entry)
    batcher.add(entry, cursor, 'project', 'events', { recordsMax: 9, bytesMax: 1e6, orderFree: true }, { after: null })
    entry.close()
    batcher.seal(0)
    const [count] = ledger.take()!.counts
    const { rows, updates, deletes, rejected, events } = count!
    assert.deepEqual({ updates, deletes, rejected }, counted)
    assert.deepEqual([rows, events + updates + deletes + rejected], [2, 2])
  }
})
