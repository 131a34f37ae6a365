import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { createZstdCompress, zstdCompressSync } from 'node:zlib'
import { compressZstd, expandZstd, lookAtFrame } from '../src/zstd.ts'

for (const size of [0, 1, 255, 256, 70_000, 3_000_000]) {
  test(`${size} bytes come back as they were, whether they compress or not`, () => {
    for (const plain of [Buffer.alloc(size, 'ab'), randomBytes(size)]) {
      const frame = compressZstd(plain)
      assert.deepEqual(expandZstd(frame), plain)
      if (frame.length >= 18) assert.deepEqual(lookAtFrame(frame), { size, isAlone: true })
    }
  })
}

test('frames of other producers, in several parts or of unknown size, are read as well', async () => {
  const plain = Buffer.alloc(1_000_000, 'some text, ')
  const stream = createZstdCompress()
  for (let at = 0; at < plain.length; at += 100_000) stream.write(plain.subarray(at, at + 100_000))
  stream.end()
  const frame = await buffer(stream)
  assert.equal(lookAtFrame(frame).size, undefined)
  assert.deepEqual(expandZstd(frame), plain)
  const two = Buffer.concat([zstdCompressSync(plain), zstdCompressSync(plain)])
  assert.deepEqual(lookAtFrame(two), { size: plain.length, isAlone: false })
  assert.ok(expandZstd(two).equals(Buffer.concat([plain, plain])))
})

test('what is no frame is refused', () => {
  for (const bytes of [
    Buffer.from('no frame at all, but long enough'),
    compressZstd(randomBytes(1000)).subarray(0, 500),
  ])
    assert.throws(() => expandZstd(bytes))
})
