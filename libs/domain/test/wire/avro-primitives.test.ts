import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { avroName } from '@millrace/domain/wire/avro-name.ts'
import { AvroReader } from '@millrace/domain/wire/avro-reader.ts'
import { AvroWriter } from '@millrace/domain/wire/avro-writer.ts'
import fc from 'fast-check'
import { int64, unicode } from '../rows.ts'
import { avsc } from './avsc.ts'

describe('the Avro primitives', () => {
  it('write and read every 64-bit integer like another implementation', () => {
    const type = avsc('long')
    fc.assert(
      fc.property(int64, (value) => {
        const writer = new AvroWriter(1)
        writer.writeLong(value)
        assert.deepEqual(writer.take(), type.toBuffer(value))
        const halves = new AvroWriter(1)
        halves.writeLongHiLo(Number(BigInt.asIntN(32, value >> 32n)), Number(BigInt.asUintN(32, value)))
        assert.deepEqual(halves.take(), writer.take())
        const read = new AvroReader(writer.take()).readLong()
        assert.equal(BigInt(read), value)
        assert.equal(typeof read, Number.isSafeInteger(Number(value)) ? 'number' : 'bigint')
        if (typeof read === 'number') {
          const number = new AvroWriter(1)
          number.writeLong(read)
          assert.deepEqual(number.take(), writer.take())
        }
        const skipped = new AvroReader(writer.take())
        skipped.skipLong()
        assert.equal(skipped.offset, writer.length)
      }),
      { numRuns: 5000 },
    )
  })

  it('turn a big-endian double round', () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        const source = Buffer.alloc(8)
        source.writeDoubleBE(value)
        const writer = new AvroWriter(1)
        writer.writeDoubleFromBigEndian(source, 0)
        assert.ok(Object.is(new AvroReader(writer.take()).readDouble(), value))
      }),
    )
  })

  it('name any text legally, each differently', () => {
    fc.assert(
      fc.property(unicode, unicode, (a, b) => {
        assert.match(avroName(a), /^[A-Za-z_][A-Za-z0-9_]*$/)
        assert.equal(avroName(a) === avroName(b), a === b)
      }),
      { numRuns: 3000 },
    )
    const hostile = [
      '',
      '_',
      '_x',
      '_x_',
      'x',
      '__',
      '_x5f_',
      '_x5f_x',
      '1',
      '_1',
      '_x31_',
      'é',
      '_xe9_',
      'éx',
      'e x',
      '__proto__',
    ]
    assert.equal(new Set(hostile.map(avroName)).size, hostile.length)
  })
})
