import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { AvroError } from '@millrace/domain/wire/avro-error.ts'
import { batchHeaderSchema, markerSchema, updateBatchSchema } from '@millrace/domain/wire/avro-schemas.ts'
import { ChangeBatchBuilder } from '@millrace/domain/wire/change-batch.ts'
import { beforeColumnsFromAvro, changeBatchSchema, rowSchemaFromAvro } from '@millrace/domain/wire/change-schema.ts'
import { UpdateBatchBuilder } from '@millrace/domain/wire/update-batch.ts'
import fc from 'fast-check'
import { rowSchema } from '../rows.ts'
import { headers, rowId } from './arbitraries.ts'
import { avsc } from './avsc.ts'
import { beforeOf } from './before-of.ts'

describe('the schemas', () => {
  for (const [file, schema] of [
    ['update-batch', updateBatchSchema],
    ['marker', markerSchema],
  ] as const) {
    it(`are the same in code and in schemas/${file}.avsc`, () => {
      assert.deepEqual(
        schema,
        JSON.parse(readFileSync(new URL(`../../../../schemas/${file}.avsc`, import.meta.url), 'utf8')),
      )
    })
  }

  it('of a table without columns has the shape of schemas/change-batch.avsc', () => {
    const template = JSON.parse(readFileSync(new URL('../../../../schemas/change-batch.avsc', import.meta.url), 'utf8'))
    const made = structuredClone(
      changeBatchSchema({ table: 'TABLE', columns: [], key: [] }, template.namespace),
    ) as typeof template
    made.doc = template.doc
    const row = made.fields[1].type.items.fields[3].type[1]
    delete row.table
    delete row.key
    assert.deepEqual(made, template)
    assert.deepEqual(made.fields[0].type, batchHeaderSchema)
  })

  it('carry the row schema there and back, whatever the names', () => {
    fc.assert(
      fc.property(rowSchema, (schema) => {
        const before = beforeOf(schema).columns
        const json = JSON.parse(JSON.stringify(changeBatchSchema(schema, 'millrace.changes.t', before)))
        assert.deepEqual(rowSchemaFromAvro(json), schema)
        assert.deepEqual(beforeColumnsFromAvro(json), before)
        assert.deepEqual(beforeColumnsFromAvro(changeBatchSchema(schema, 'millrace.changes.t')), [])
      }),
    )
  })

  it('with before-images or another choice of them read what was written without', () => {
    // The other implementation cannot resolve every name that it can read.
    const resolvable = rowSchema.map((schema) => ({
      ...schema,
      columns: schema.columns.map((column, n) => ({ ...column, name: `column ${n}` })),
    }))
    fc.assert(
      fc.property(resolvable, fc.array(rowId, { maxLength: 3 }), headers, (schema, rowIds, header) => {
        const old = avsc(changeBatchSchema(schema, 'millrace.changes.t'))
        const some = avsc(changeBatchSchema(schema, 'millrace.changes.t', beforeOf(schema).columns))
        const all = avsc(changeBatchSchema(schema, 'millrace.changes.t', schema.columns))
        const builder = new ChangeBatchBuilder()
        rowIds.forEach((id, n) => {
          builder.append('delete', n, id, null)
        })
        const bytes = builder.finish(header)
        for (const [reader, writer] of [
          [some, old],
          [all, some],
          [some, all],
        ] as const)
          assert.equal(reader.fromBuffer(bytes, reader.createResolver(writer)).changes.length, rowIds.length)
      }),
      { numRuns: 50 },
    )
  })

  it('of updates with retract read what was written before there was one', () => {
    const before = JSON.parse(JSON.stringify(updateBatchSchema).replace(',"retract"', ''))
    assert.notDeepEqual(before, updateBatchSchema)
    const builder = new UpdateBatchBuilder()
    builder.append('delete', 1, Buffer.alloc(32), null, Buffer.from('{}'))
    const header = { ...fc.sample(headers, { numRuns: 1, seed: 7 })[0]!, rows: 1 }
    const reader = avsc(updateBatchSchema)
    const read = reader.fromBuffer(builder.finish(header, 'events'), reader.createResolver(avsc(before)))
    assert.equal(read.updates[0].op, 'delete')
  })

  it('that are no change batch are refused', () => {
    for (const other of [null, 'string', [], {}, updateBatchSchema, markerSchema])
      assert.throws(() => rowSchemaFromAvro(other), AvroError)
  })
})
