import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { frame, unframe } from '../src/frame.ts'
import { RegistryError } from '../src/registry-error.ts'

test('a framed payload comes back with its schema id', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 31 - 1 }), fc.uint8Array(), (id, payload) => {
      const message = frame(id, payload)
      assert.deepEqual(message.subarray(0, 1), Buffer.from([0]))
      assert.equal(message.readInt32BE(1), id)
      const back = unframe(message)
      assert.equal(back.schemaId, id)
      assert.deepEqual(new Uint8Array(back.payload), payload)
    }),
  )
})

test('a message without the frame is told apart', () => {
  for (const bytes of [[], [0, 0, 0, 1], [1, 0, 0, 0, 1, 2]]) {
    assert.throws(
      () => unframe(Buffer.from(bytes)),
      (error: unknown) => error instanceof RegistryError && error.code === 'not_framed',
    )
  }
})
