import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Entry } from '../src/entry.ts'
import { Ledger } from '../src/ledger.ts'

describe('the ledger of a partition', () => {
  it('gives what is finished once and in order, never past a message that is not, and keeps nothing of it', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { minLength: 1, maxLength: 60 }), fc.nat({ max: 4 }), (order, every) => {
        const ledger = new Ledger(0n)
        const entries = order.map((_, i) => new Entry(BigInt(i), Buffer.alloc(i + 1), 'project'))
        for (const entry of entries) ledger.add(entry)
        const finished = new Set<number>()
        let taken = 0
        let bytes = 0
        const take = () => {
          for (let step = ledger.take(); step !== null; step = ledger.take()) {
            bytes += step.bytes
            taken = Number(step.nextOffset)
          }
          let prefix = 0
          while (finished.has(prefix)) prefix++
          assert.equal(taken, prefix)
          assert.equal(ledger.size, entries.length - prefix)
          assert.equal(ledger.ofProject('project').length, entries.length - prefix)
        }
        const shuffled = order.map((key, i) => ({ key, i })).sort((a, b) => a.key - b.key || a.i - b.i)
        shuffled.forEach(({ i }, n) => {
          entries[i]!.close()
          finished.add(i)
          if (n % (every + 1) === 0) take()
        })
        take()
        assert.equal(taken, entries.length)
        assert.equal(bytes, (entries.length * (entries.length + 1)) / 2)
      }),
    )
  })

  it('stays before a table that is gathered, and goes on when it is released', () => {
    const ledger = new Ledger(5n)
    ledger.hold('run', 6n)
    for (const offset of [5n, 6n, 7n]) {
      const entry = new Entry(offset, Buffer.alloc(1), null)
      ledger.add(entry)
      entry.close()
    }
    assert.equal(ledger.take()?.nextOffset, 6n)
    ledger.release('run', [], null)
    assert.equal(ledger.take()?.nextOffset, 8n)
    assert.equal(ledger.take(), null)
  })
})
