import type { PlanRequest, TableRef } from '@millrace/warehouses/warehouse.ts'

/** A full run of events without a key, unless a test says otherwise. */
export function planRequest(table: TableRef, more: Partial<PlanRequest> & Pick<PlanRequest, 'runId'>): PlanRequest {
  return {
    syncId: '01900000-0000-7000-8000-0000000000aa',
    before: [],
    acceptedSchema: null,
    table,
    tableType: 'events',
    mode: 'full',
    identity: [],
    insertTimeColumn: null,
    overlapMs: 0,
    cursor: null,
    chunkRows: 250_000,
    ...more,
  }
}
