import type { BatchHeader } from '@millrace/domain/wire/batch-header.ts'
import fc from 'fast-check'
import { record, unicode } from '../rows.ts'

export const int32 = fc.integer()
export const safe = fc.oneof(fc.maxSafeInteger(), fc.nat(1000))

export const rowId = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes))
export const op = fc.constantFrom('insert' as const, 'update' as const, 'delete' as const)

export const headers: fc.Arbitrary<BatchHeader> = record({
  projectId: unicode,
  syncId: unicode,
  runId: fc.uuid(),
  runSeq: safe,
  generation: int32,
  mappingVersion: int32,
  chunk: int32,
  attempt: int32,
  seq: int32,
  rows: int32,
  bytes: safe,
  traceparent: unicode,
})
