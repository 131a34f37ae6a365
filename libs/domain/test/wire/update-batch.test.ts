import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { updateBatchSchema } from '@millrace/domain/wire/avro-schemas.ts'
import { readUpdateBatch, UpdateBatchBuilder } from '@millrace/domain/wire/update-batch.ts'
import fc from 'fast-check'
import { record, unicode } from '../rows.ts'
import { headers, op, rowId, safe } from './arbitraries.ts'
import { avsc } from './avsc.ts'
import { avscHeader } from './avsc-header.ts'

describe('an update batch', () => {
  const batches = record({
    header: headers,
    tableType: fc.constantFrom(
      'events' as const,
      'user_profiles' as const,
      'group_profiles' as const,
      'lookup_table' as const,
    ),
    filtered: fc.nat(20),
    rejects: fc.array(
      record({
        rowId,
        ordinal: safe,
        code: fc.constantFrom('id_missing' as const, 'too_large' as const),
        field: unicode,
        message: unicode,
      }),
      { maxLength: 3 },
    ),
    updates: fc.array(
      record({
        op: fc.oneof(op, fc.constant('retract' as const)),
        ordinal: safe,
        rowId,
        key: fc.option(unicode, { nil: null }),
        body: fc.oneof(
          fc.uint8Array({ maxLength: 100 }),
          fc.constantFrom(0, 63, 64, 8191, 8192, 1 << 20).map((size) => new Uint8Array(size).fill(65)),
        ),
      }),
      { maxLength: 5 },
    ),
  })

  it('is read by another Avro implementation, and reads what that one writes', () => {
    const type = avsc(updateBatchSchema)
    const builder = new UpdateBatchBuilder()
    fc.assert(
      fc.property(batches, ({ header, tableType, filtered, rejects, updates }) => {
        for (let i = 0; i < filtered; i++) builder.filter()
        for (const each of rejects) builder.reject(each.rowId, 0, each.ordinal, each.code, each.field, each.message)
        for (const each of updates) {
          builder.begin('insert', 1, each.rowId, 0, null, 0, 0)
          builder.writer.writeRaw(each.body, 0, Math.min(5, each.body.length))
          builder.abandon()
          builder.append(each.op, each.ordinal, each.rowId, each.key, each.body)
        }
        const bytes = builder.finish(header, tableType)
        const expected = {
          header: avscHeader(header),
          table_type: tableType,
          filtered,
          rejects: rejects.map(({ rowId, ordinal, ...rest }) => ({ row_id: rowId, ordinal: BigInt(ordinal), ...rest })),
          updates: updates.map((each) => ({
            op: each.op,
            ordinal: BigInt(each.ordinal),
            row_id: each.rowId,
            key: each.key === null ? null : { string: each.key },
            body: Buffer.from(each.body),
          })),
        }
        assert.ok(bytes.equals(type.toBuffer(expected)))
        const cursor = readUpdateBatch(Buffer.concat([Buffer.alloc(5), bytes]), 5)
        assert.deepEqual(cursor.header, header)
        assert.equal(cursor.tableType, tableType)
        assert.equal(cursor.filtered, filtered)
        assert.deepEqual(
          cursor.rejects,
          rejects.map((each) => ({ ...each, rowId: each.rowId.toString('hex') })),
        )
        for (const each of updates) {
          assert.ok(cursor.next())
          assert.equal(cursor.op, each.op)
          assert.equal(cursor.ordinal, each.ordinal)
          assert.deepEqual(cursor.rowId(), each.rowId)
          assert.equal(cursor.key(), each.key)
          assert.ok(cursor.body().equals(each.body))
        }
        assert.equal(cursor.next(), false)
      }),
      { numRuns: 150 },
    )
  })
})
