import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { dropBuffer } from '@millrace/domain/drop-buffer.ts'

describe('dropping a buffer', () => {
  it('gives back the memory of a large one, and of what shares it', () => {
    const buffer = Buffer.alloc(100_000, 1)
    const part = buffer.subarray(10, 20)
    dropBuffer(buffer)
    assert.equal(buffer.length, 0)
    assert.equal(part.length, 0)
  })

  it('leaves small ones alone: others stand in the same memory', () => {
    const neighbours = Array.from({ length: 50 }, (_, i) => Buffer.from(`neighbour ${i}`))
    const empty = Buffer.alloc(0)
    for (const buffer of [...neighbours.slice(1), empty]) dropBuffer(buffer)
    assert.deepEqual(
      neighbours.map((buffer) => buffer.toString()),
      neighbours.map((_, i) => `neighbour ${i}`),
    )
  })
})
