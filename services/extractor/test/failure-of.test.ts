import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failureOf } from '@millrace/extractor/failure-of.ts'
import { StoreError } from '@millrace/store/store-error.ts'
import { WarehouseError } from '@millrace/warehouses/warehouse-error.ts'

test('a failed run says what was made for people, and nothing that a driver said', () => {
  const warehouse = new WarehouseError('permission_denied', 'The role may not read t.', 'Grant it.')
  assert.deepEqual(failureOf(warehouse), {
    code: 'permission_denied',
    message: 'The role may not read t.',
    hint: 'Grant it.',
  })
  const driver = Object.assign(new Error('Failing row contains (canary, 1) at 10.0.0.7'), { code: '23514' })
  const unforeseen = [
    driver,
    new StoreError('refused', driver.message, { cause: driver }),
    new DOMException('canary', 'TimeoutError'),
    'canary',
    undefined,
  ]
  for (const error of unforeseen) {
    const failure = failureOf(error)
    assert.ok(!/canary|10\.0\.0\.7/.test(JSON.stringify(failure)), JSON.stringify(failure))
    assert.deepEqual(
      Object.values(failure).map((each) => typeof each),
      ['string', 'string', 'string'],
    )
  }
})
