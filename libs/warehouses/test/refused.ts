import assert from 'node:assert/strict'
import type { WarehouseError } from '@millrace/warehouses/warehouse-error.ts'

/** The error, with its code, with which work was refused; fails the test when it was not. */
export async function refused(work: Promise<unknown>): Promise<WarehouseError> {
  const error = await work.then(
    () => assert.fail('it was not refused'),
    (reason: unknown) => reason as WarehouseError,
  )
  assert.ok(error.code, String(error))
  return error
}
