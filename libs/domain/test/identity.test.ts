import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import { CanonicalEncoder } from '@millrace/domain/identity/canonical.ts'
import { insertId } from '@millrace/domain/identity/insert-id.ts'
import { partitionOf, partitionOfSync } from '@millrace/domain/identity/partition.ts'
import fc from 'fast-check'

type Value =
  | { is: 'null' }
  | { is: 'boolean'; value: boolean }
  | { is: 'integer'; value: bigint }
  | { is: 'timestamp'; value: bigint }
  | { is: 'double'; value: number }
  | { is: 'date'; value: number }
  | { is: 's' | 'j' | 'm' | 'b'; value: Uint8Array }

const int64 = fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.bigInt({ min: -1000n, max: 1000n }))
const value: fc.Arbitrary<Value> = fc.oneof(
  fc.constant({ is: 'null' } as const),
  fc.record({ is: fc.constant('boolean' as const), value: fc.boolean() }),
  fc.record({ is: fc.constant('integer' as const), value: int64 }),
  fc.record({ is: fc.constant('timestamp' as const), value: int64 }),
  fc.record({ is: fc.constant('double' as const), value: fc.double() }),
  fc.record({ is: fc.constant('date' as const), value: fc.integer() }),
  fc.record({
    is: fc.constantFrom('s' as const, 'j' as const, 'm' as const, 'b' as const),
    value: fc.uint8Array({ maxLength: 200 }),
  }),
)

function add(encoder: CanonicalEncoder, item: Value): void {
  if (item.is === 'null') encoder.addNull()
  else if (item.is === 'boolean') encoder.addBoolean(item.value)
  else if (item.is === 'integer') encoder.addInteger(item.value)
  else if (item.is === 'timestamp') encoder.addTimestamp(item.value)
  else if (item.is === 'double') encoder.addDouble(item.value)
  else if (item.is === 'date') encoder.addDate(item.value)
  else addBytes(encoder, item)
}

function addBytes(encoder: CanonicalEncoder, item: { is: 's' | 'j' | 'm' | 'b'; value: Uint8Array }): void {
  encoder.addBytes(item.is, item.value, 0, item.value.length)
}

/** The grammar, read straight from the comment, with strings. */
function grammar(item: Value): Buffer {
  if (item.is === 'null') return Buffer.from('n')
  if (item.is === 'boolean') return Buffer.from(item.value ? 'T' : 'F')
  const tags = { integer: 'i', timestamp: 'u', double: 'd', date: 'y', s: 's', j: 'j', m: 'm', b: 'b' }
  const payload =
    typeof item.value === 'object'
      ? Buffer.from(item.value)
      : Buffer.from(Object.is(item.value, -0) && item.is === 'double' ? '-0' : String(item.value))
  return Buffer.concat([Buffer.from(`${tags[item.is]}${payload.length}:`), payload])
}

function encode(row: readonly Value[], dropTrailingNulls = false): Buffer {
  const encoder = new CanonicalEncoder()
  for (const item of row) add(encoder, item)
  return encoder.bytes(dropTrailingNulls)
}

const text = (s: string): Value => ({ is: 's', value: Buffer.from(s) })

describe('the identity of a row', () => {
  it('follows the grammar for every type and value', () => {
    fc.assert(
      fc.property(fc.array(value, { maxLength: 12 }), (row) => {
        assert.deepEqual(encode(row), Buffer.concat(row.map(grammar)))
      }),
      { numRuns: 2000 },
    )
  })

  it('is the SHA-256 of the canonical bytes, again after reset', () => {
    const encoder = new CanonicalEncoder()
    fc.assert(
      fc.property(fc.array(value), fc.boolean(), (row, drop) => {
        encoder.reset()
        for (const item of row) add(encoder, item)
        assert.deepEqual(encoder.digest(drop), createHash('sha256').update(encode(row, drop)).digest())
      }),
    )
  })

  it('does not change when NULL columns are added at the end of a table without a key', () => {
    fc.assert(
      fc.property(fc.array(value), fc.nat(5), (row, nulls) => {
        const wider = [...row, ...Array.from({ length: nulls }, (): Value => ({ is: 'null' }))]
        assert.deepEqual(encode(wider, true), encode(row, true))
      }),
    )
  })

  it('tells any two different rows apart', () => {
    fc.assert(
      fc.property(fc.array(value, { maxLength: 4 }), fc.array(value, { maxLength: 4 }), (a, b) => {
        const same = a.length === b.length && a.every((item, i) => grammar(item).equals(grammar(b[i]!)))
        assert.equal(encode(a).equals(encode(b)), same)
      }),
    )
  })

  it('tells apart what plain concatenation confuses', () => {
    const pairs: [Value[], Value[]][] = [
      [
        [text('ab'), text('c')],
        [text('a'), text('bc')],
      ],
      [[{ is: 'null' }], [text('')]],
      [[{ is: 'integer', value: 1n }], [text('1')]],
      [[{ is: 'double', value: -0 }], [{ is: 'double', value: 0 }]],
      [[{ is: 'double', value: Number.NaN }], [text('NaN')]],
      [[{ is: 'integer', value: 5n }], [{ is: 'timestamp', value: 5n }]],
      [
        [{ is: 'null' }, text('a')],
        [text('a'), { is: 'null' }],
      ],
      [[text('n')], [{ is: 'null' }]],
    ]
    for (const [a, b] of pairs) {
      assert.notDeepEqual(encode(a), encode(b))
      assert.notDeepEqual(encode(a, true), encode(b, true))
    }
  })

  it('keeps NULLs at the end of a key', () => {
    assert.notDeepEqual(encode([text('a'), { is: 'null' }]), encode([text('a')]))
  })

  it('prints doubles as JavaScript does', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.double(),
          fc.tuple(fc.integer(), fc.integer({ min: 0, max: 9 })).map(([n, places]) => n / 10 ** places),
          fc.tuple(fc.maxSafeInteger(), fc.integer({ min: 0, max: 12 })).map(([n, places]) => n / 10 ** places),
        ),
        (x) => {
          assert.deepEqual(encode([{ is: 'double', value: x }]), grammar({ is: 'double', value: x }))
        },
      ),
      { numRuns: 20_000 },
    )
  })
})

describe('the insert id', () => {
  it('is 36 hex digits of the hash of sync, generation and row id', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.nat(),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        (syncId, generation, rowId) => {
          const id = Buffer.from(syncId)
          const digits = String(generation)
          const expected = createHash('sha256')
            .update(
              Buffer.concat([Buffer.from(`s${id.length}:`), id, Buffer.from(`i${digits.length}:${digits}b32:`), rowId]),
            )
            .digest('hex')
            .slice(0, 36)
          assert.equal(insertId(syncId, generation, rowId), expected)
        },
      ),
    )
  })

  it('is distinct for distinct rows (100,000 of them)', () => {
    const seen = new Set<string>()
    const encoder = new CanonicalEncoder()
    for (let i = 0; i < 100_000; i++) {
      encoder.reset()
      encoder.addInteger(i)
      seen.add(insertId('sync', 1, encoder.digest(false)))
    }
    assert.equal(seen.size, 100_000)
  })

  it('changes with the sync and with the generation', () => {
    const rowId = Buffer.alloc(32, 7)
    assert.equal(new Set([insertId('a', 1, rowId), insertId('b', 1, rowId), insertId('a', 2, rowId)]).size, 3)
  })
})

describe('the partition', () => {
  it('spreads rows evenly and is within the number of partitions', () => {
    const counts = new Array<number>(12).fill(0)
    for (let i = 0; i < 12_000; i++) counts[partitionOf(createHash('sha256').update(String(i)).digest(), 12)]!++
    for (const count of counts) assert.ok(count > 850 && count < 1150, String(count))
  })

  it('is one for all rows of a lookup table', () => {
    assert.equal(partitionOfSync('0192f3c4', 12), partitionOf(createHash('sha256').update('0192f3c4').digest(), 12))
  })
})
