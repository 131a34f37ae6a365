import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Column, RowSchema } from '@millrace/domain/row-schema.ts'
import { checkDrift } from '@millrace/warehouses/mirror/check-drift.ts'
import { cursorOf, type MirrorCursor, mirrorCursor } from '@millrace/warehouses/mirror/mirror-cursor.ts'
import { WarehouseError } from '@millrace/warehouses/warehouse-error.ts'

const column = (name: string, type: Column['type'] = 'string'): Column => ({ name, sourceType: 'STRING', type })
const schemaOf = (...columns: readonly Column[]): RowSchema => ({ table: 'shop.songs', columns, key: [] })
const last: MirrorCursor = {
  snapshot: 's1',
  at: '2026-11-24 00:00:00.000000',
  tableId: '1',
  schema: schemaOf(column('id'), column('genre')),
  rows: 3,
}
const table = { schema: 'shop', name: 'songs' }

function check(schema: RowSchema, more: { acceptedSchema?: string; before?: readonly Column[] } = {}) {
  try {
    checkDrift({ table, acceptedSchema: null, before: [], ...more }, last, {
      schema,
      fingerprint: 'f1',
      mayContinue: true,
    })
    return null
  } catch (error) {
    assert.ok(error instanceof WarehouseError)
    return { code: error.code, details: error.details }
  }
}

describe('what a mirrored sync remembers', () => {
  it('is read back as it was written, also through JSON', () => {
    const full = { ...last, expiresAt: 5, partitions: { '20260101': 3 } }
    for (const each of [last, full])
      assert.deepEqual(mirrorCursor(JSON.parse(JSON.stringify(cursorOf(each))) as ReturnType<typeof cursorOf>), each)
    assert.equal(mirrorCursor(null), null)
  })

  it('is refused when it is not whole', () => {
    for (const name of ['snapshot', 'at', 'tableId', 'schema', 'rows'] as const)
      assert.throws(() => mirrorCursor({ hi: null, pin: { ...last, [name]: undefined } }), /not one of a mirror run/)
    assert.throws(() => mirrorCursor({ hi: null, pin: { ...last, partitions: { a: -1 } } }), /not one of a mirror run/)
  })
})

describe('the schema of a mirrored table', () => {
  it('may get new columns at its end', () => {
    assert.equal(check(schemaOf(column('id'), column('genre'), column('tag'))), null)
  })

  it('stops the run when a column is gone, until a person has accepted just that schema', () => {
    const now = schemaOf(column('id'))
    const stopped = check(now)
    assert.ok(stopped)
    assert.equal(stopped.code, 'schema_changed')
    assert.equal(stopped.details?.schemaFingerprint, 'f1')
    assert.equal(stopped.details?.mayContinue, true)
    const { difference } = stopped.details as { difference: { dropped: unknown } }
    assert.deepEqual(difference.dropped, [column('genre')])
    assert.equal(check(now, { acceptedSchema: 'another' })?.code, 'schema_changed')
    assert.equal(check(now, { acceptedSchema: 'f1' }), null)
  })

  it('asks for a resync when the columns that rows are found by have no old values', () => {
    const now = schemaOf(column('id'), column('kind'))
    const before = [column('kind')]
    assert.equal(check(now, { before })?.details?.mayContinue, false)
    assert.equal(check(now, { before, acceptedSchema: 'f1' })?.code, 'resync_required')
    assert.equal(
      check(schemaOf(column('id', 'integer'), column('genre')), { before: [column('id', 'integer')] })?.details
        ?.mayContinue,
      false,
    )
  })
})
