import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CanonicalEncoder } from '@millrace/domain/identity/canonical.ts'
import { databricksError } from '@millrace/warehouses/databricks/errors.ts'
import { RowEncoder } from '@millrace/warehouses/databricks/row-encoder.ts'
import { CollectingSink } from './collecting-sink.ts'

const rules = ['boolean', 'integer', 'double', 'decimal', 'string', 'bytes', 'date', 'timestamp', 'nested'] as const
const row = {
  c0: 'true',
  c1: '-9223372036854775808',
  c2: '1.0E10',
  c3: '12.50',
  c4: 'zoë \u{1F6B2}',
  c5: '00FF',
  c6: '-1',
  c7: '1704110400000001',
  c8: '{"a":1}',
}
const columns = ['boolean', 'integer', 'double', 'decimal', 'string', 'bytes', 'date', 'timestamp', 'json'] as const

describe('rows of Databricks', () => {
  it('become the bytes of a row, and the id that every warehouse gives it', () => {
    const encoder = new RowEncoder(rules, [])
    encoder.encode(row)
    encoder.identify(row)
    const schema = {
      table: 't',
      key: [],
      columns: columns.map((type, i) => ({ name: `c${i}`, type, sourceType: type })),
    }
    const sink = new CollectingSink(schema)
    sink.insert(encoder.rowId, encoder.writer.buffer, 0, encoder.writer.length)
    const [taken] = sink.rows
    assert.deepEqual(taken?.values, [
      true,
      -9223372036854775808n,
      1e10,
      '12.50',
      row.c4,
      Buffer.from('00ff', 'hex'),
      -1,
      1704110400000001n,
      '{"a":1}',
    ])
    const canonical = new CanonicalEncoder()
    const add = (tag: 's' | 'j' | 'm' | 'b', bytes: Buffer) => canonical.addBytes(tag, bytes, 0, bytes.length)
    canonical.reset()
    canonical.addBoolean(true)
    canonical.addInteger(-9223372036854775808n)
    canonical.addDouble(1e10)
    add('m', Buffer.from('12.50'))
    add('s', Buffer.from(row.c4))
    add('b', Buffer.from('00ff', 'hex'))
    canonical.addDate(-1)
    canonical.addTimestamp(1704110400000001n)
    add('j', Buffer.from('{"a":1}'))
    assert.equal(taken?.id, canonical.digest(true).toString('hex'))
  })

  it('are identified by their key when they have one, in its order', () => {
    const encoder = new RowEncoder(rules, [4, 1])
    encoder.identify(row)
    const canonical = new CanonicalEncoder()
    canonical.reset()
    const name = Buffer.from(row.c4)
    canonical.addBytes('s', name, 0, name.length)
    canonical.addInteger(-9223372036854775808n)
    assert.equal(encoder.rowId.toString('hex'), canonical.digest(false).toString('hex'))
  })

  it('in another form than was asked for end the reading', () => {
    const encoder = new RowEncoder(rules, [])
    for (const wrong of [{ c1: '1.5' }, { c1: '' }, { c2: 'x' }, { c5: '0' }, { c6: 'today' }])
      assert.throws(() => encoder.encode({ ...row, ...wrong }), { code: 'protocol_error' })
    assert.throws(() => encoder.takeHash('00'), { code: 'protocol_error' })
    assert.throws(() => encoder.takeHash(null), { code: 'protocol_error' })
  })
})

describe('errors of Databricks', () => {
  const failed = (errorMessage: string, sqlState = 'XX000') => ({
    name: 'Error',
    message: 'The operation failed due to an error',
    errorCode: 'ERROR',
    response: { errorMessage, sqlState },
  })
  const codeOf = (error: unknown) => databricksError(error).code

  it('are told by their class, and never with the text, which may hold values', () => {
    const error = databricksError(failed('[CAST_INVALID_INPUT] The value "secret@example.com" cannot be cast'))
    assert.equal(error.code, 'query_failed')
    assert.match(error.message, /CAST_INVALID_INPUT/)
    assert.doesNotMatch(`${error.message} ${error.hint} ${error.cause}`, /secret/)
    assert.equal(codeOf(failed('[TABLE_OR_VIEW_NOT_FOUND] x')), 'table_not_found')
    assert.equal(codeOf(failed('[INSUFFICIENT_PERMISSIONS] x')), 'permission_denied')
    assert.equal(codeOf(failed('no', '42501')), 'permission_denied')
    assert.equal(codeOf(failed('[DELTA_VERSION_NOT_FOUND] x')), 'pin_lost')
    assert.equal(codeOf(failed('[DELTA_MISSING_CHANGE_DATA] x')), 'pin_lost')
    assert.equal(codeOf(failed('Invalid SessionHandle: SessionHandle [1]')), 'connection_lost')
  })

  it('are told by the answer of the workspace, or by the network', () => {
    const codes = [401, 403, 404, 429, 503].map((statusCode) => codeOf({ statusCode }))
    assert.deepEqual(codes, [
      'authentication_failed',
      'permission_denied',
      'database_not_found',
      'too_many_connections',
      'server_unavailable',
    ])
    assert.equal(codeOf({ code: 'ECONNRESET' }), 'connection_lost')
    assert.equal(codeOf({ code: 'SELF_SIGNED_CERT_IN_CHAIN' }), 'tls_certificate_invalid')
  })
})
