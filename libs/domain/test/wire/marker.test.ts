import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { markerSchema } from '@millrace/domain/wire/avro-schemas.ts'
import type { Marker } from '@millrace/domain/wire/batch-header.ts'
import { decodeMarker, encodeMarker } from '@millrace/domain/wire/marker.ts'
import fc from 'fast-check'
import { record, unicode } from '../rows.ts'
import { int32, safe } from './arbitraries.ts'
import { avsc } from './avsc.ts'

describe('a marker', () => {
  it('is read by another Avro implementation, and reads what that one writes', () => {
    const type = avsc(markerSchema)
    const markers: fc.Arbitrary<Marker> = record({
      kind: fc.constantFrom('run_open' as const, 'run_end' as const),
      projectId: unicode,
      syncId: unicode,
      runId: fc.uuid(),
      runSeq: safe,
      generation: int32,
      mappingVersion: int32,
      epoch: int32,
      rows: safe,
      batches: safe,
    })
    fc.assert(
      fc.property(markers, (marker) => {
        const bytes = encodeMarker(marker)
        const other = type.toBuffer({
          kind: marker.kind,
          project_id: marker.projectId,
          sync_id: marker.syncId,
          run_id: marker.runId,
          run_seq: BigInt(marker.runSeq),
          generation: marker.generation,
          mapping_version: marker.mappingVersion,
          epoch: marker.epoch,
          rows: BigInt(marker.rows),
          batches: BigInt(marker.batches),
        })
        assert.deepEqual(bytes, other)
        assert.deepEqual(decodeMarker(Buffer.concat([Buffer.alloc(5), bytes]), 5), marker)
      }),
    )
  })
})
