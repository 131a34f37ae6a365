import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failureOf } from '@millrace/extractor/failure-of.ts'
import { NeedsConfirmation, requireConfirmation } from '@millrace/extractor/needs-confirmation.ts'
import { retryDelayMs } from '@millrace/extractor/retry-delay.ts'
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

test('a run that a person must confirm says what they decide by', () => {
  const plan = { changes: { inserts: 0, updates: 0, deletes: 30, knownRows: 100, identicalRows: 0 } }
  const failed = (deletionPercentMax: number | null, confirmedDeletes?: number) => {
    try {
      const decision = confirmedDeletes === undefined ? null : { confirmedDeletes }
      return requireConfirmation(plan, { deletionPercentMax, decision })
    } catch (error) {
      return failureOf(error)
    }
  }
  const failure = failed(null)
  assert.equal(failure?.code, 'needs_confirmation')
  assert.deepEqual(failure?.details, { deletes: 30, knownRows: 100, percent: 30 })
  assert.equal(
    retryDelayMs(new NeedsConfirmation('too many', 'look', { deletes: 1, knownRows: 1, percent: 100 }), 0),
    null,
  )
  assert.equal(failed(29)?.code, 'needs_confirmation')
  assert.equal(failed(30), undefined)
  assert.equal(failed(null, 29)?.code, 'needs_confirmation')
  assert.equal(failed(null, 30), undefined)
  assert.doesNotThrow(() => requireConfirmation({ changes: null }, { deletionPercentMax: 0, decision: null }))
})
