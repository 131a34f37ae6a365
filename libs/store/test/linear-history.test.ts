import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { openPartition } from '@millrace/store/progress/open-partition.ts'
import { recordProgress } from '@millrace/store/progress/record-progress.ts'
import { aBatch, aPartition, aQueuedRun, nothing } from '@millrace/testkit/store-samples.ts'
import { startTestStore, type TestStore } from '@millrace/testkit/with-store.ts'
import fc from 'fast-check'

let store: TestStore
before(async () => {
  store = await startTestStore()
})
after(() => store.close())

async function progressOf(runId: string) {
  return store.db.selectFrom('run_progress').selectAll().where('run_id', '=', runId).orderBy('attempt').execute()
}

describe('two owners of a partition', () => {
  it('counts once when two owners record the same batches at a held offset at the same time', async () => {
    const { runId } = await aQueuedRun(store.db)
    const place = await aPartition(store.db)
    await recordProgress(store.db, { ...place, expectedOffset: null, nextOffset: 1n, ...nothing })
    const step = (seqs: number[]) =>
      recordProgress(store.db, {
        ...place,
        expectedOffset: 1n,
        nextOffset: 1n,
        ...nothing,
        counts: seqs.map((seq) => aBatch({ runId, chunk: 0, attempt: 1, seq, rows: 1 })),
      })
    for (let round = 0; round < 20; round++) {
      const seqs = Array.from({ length: 20 }, (_, n) => round * 10 + n)
      const answers = await Promise.all([step(seqs), step(seqs), step(seqs), step(seqs)])
      assert.ok(answers.includes(true), 'at least one of them went through')
    }
    const [row] = await progressOf(runId)
    assert.deepEqual([row?.next_seq, row?.rows, row?.gap_seq], [210, 210, null])
  })

  it('gives one linear history for any interleaving of two owners', async () => {
    const move = fc.record({
      owner: fc.integer({ min: 0, max: 1 }),
      what: fc.oneof(
        { weight: 4, arbitrary: fc.integer({ min: 1, max: 4 }) },
        { weight: 1, arbitrary: fc.constant('open' as const) },
      ),
      together: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(move, { minLength: 5, maxLength: 25 }),
        fc.array(fc.nat(2), { minLength: 60, maxLength: 60 }),
        async (moves, kinds) => {
          // The partition: three attempts at chunks, each batch now and then produced twice or again with those before it.
          const runId = randomUUID()
          const log = partitionLog(kinds)
          const place = await aPartition(store.db)
          const owners = [0, 1].map(() => ({ at: null as bigint | null, lost: true }))
          let moved = 0n
          const act = async ({ owner, what }: (typeof moves)[number]) => {
            const me = owners[owner]!
            if (what === 'open' || me.lost) {
              me.at = (await openPartition(store.db, { ...place, owner: String(owner) })).nextOffset
              me.lost = false
              return
            }
            const from = Number(me.at ?? 0n)
            const messages = log.slice(from, from + what)
            const nextOffset = BigInt(from + messages.length)
            const counts = messages.map(({ chunk, seq }) => aBatch({ runId, chunk, attempt: 1, seq, rows: 1 + chunk }))
            const ok = await recordProgress(store.db, {
              ...place,
              expectedOffset: me.at,
              nextOffset,
              ...nothing,
              counts,
            })
            if (ok) {
              me.at = nextOffset
              moved = nextOffset > moved ? nextOffset : moved
            } else me.lost = true
          }
          for (let n = 0; n < moves.length; n++) {
            const [first, second] = [moves[n]!, moves[n + 1]]
            if (second && first.together && first.owner !== second.owner) {
              await Promise.all([act(first), act(second)])
              n += 1
            } else await act(first)
          }
          const { nextOffset } = await openPartition(store.db, { ...place, owner: 'end' })
          assert.equal(nextOffset ?? 0n, moved)
          // What one owner alone would have counted, reading the log up to there.
          const expected = new Map<number, number>()
          for (const { chunk, seq } of log.slice(0, Number(moved))) {
            if (seq === (expected.get(chunk) ?? 0)) expected.set(chunk, seq + 1)
          }
          const rows = await progressOf(runId)
          const counted = new Map(rows.map((row) => [row.chunk, row.next_seq]))
          assert.deepEqual(new Map([...counted].sort()), new Map([...expected].sort()))
          for (const row of rows) assert.deepEqual([row.rows, row.gap_seq], [row.next_seq * (1 + row.chunk), null])
        },
      ),
      { numRuns: 40 },
    )
  })
})

/** `kinds`: 0 = the next batch of a chunk, 1 = of another chunk, 2 = go back to an earlier batch of the chunk. */
function partitionLog(kinds: readonly number[]): { chunk: number; seq: number }[] {
  const next = [0, 0, 0]
  let chunk = 0
  return kinds.map((kind) => {
    if (kind === 1) chunk = (chunk + 1) % 3
    if (kind === 2) next[chunk] = Math.max(0, next[chunk]! - 2)
    return { chunk, seq: next[chunk]!++ }
  })
}
