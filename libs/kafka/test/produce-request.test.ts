import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { gzip, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { type BatchCompression, type ProduceContent, produceBody } from '../src/produce-request.ts'
import { compressZstd } from '../src/zstd.ts'

/** As kafkajs encodes it without our repairs, which this file does not load. */
type Original = (content: ProduceContent & { compression: number }) => { encode(): Promise<{ buffer: Buffer }> }
const require = createRequire(import.meta.url)
const original = require('kafkajs/src/protocol/requests/produce/v7/request.js') as Original
const codecs = require('kafkajs/src/protocol/message/compression/index.js') as { Codecs: Record<number, unknown> }
codecs.Codecs[1] = () => ({ compress: async ({ buffer }: { buffer: Buffer }) => gzipSync(buffer) })
codecs.Codecs[4] = () => ({ compress: async ({ buffer }: { buffer: Buffer }) => compressZstd(buffer) })

const compressions: Readonly<Record<string, BatchCompression>> = {
  none: null,
  gzip: { attribute: 1, compress: promisify<Buffer, Buffer>(gzip) },
  zstd: { attribute: 4, compress: compressZstd },
}

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((array) => Buffer.from(array))
const message = fc.record({ key: fc.option(bytes(200)), value: bytes(20_000) })
const partitions = fc.array(
  fc.record({ partition: fc.nat(10_000), messages: fc.array(message, { minLength: 1, maxLength: 70 }) }),
  { minLength: 1, maxLength: 3 },
)
const topicData = fc.array(fc.record({ topic: fc.string({ minLength: 1 }), partitions }), {
  minLength: 1,
  maxLength: 2,
})

for (const [name, compression] of Object.entries(compressions)) {
  test(`a request with ${name} as compression is the same, byte for byte, as the client library makes it`, async (t) => {
    const now = Date.UTC(2026, 4, 1)
    t.mock.timers.enable({ apis: ['Date'], now })
    await fc.assert(
      fc.asyncProperty(topicData, async (topicData) => {
        const content = { acks: -1, timeout: 10_000, topicData }
        const ours = Buffer.concat(await produceBody(content, compression, now))
        const theirs = await original({ ...content, compression: compression?.attribute ?? 0 }).encode()
        assert.deepEqual(ours, theirs.buffer)
      }),
      { numRuns: 40 },
    )
  })
}

test('requests that are made at the same time do not mix', async () => {
  const contents = Array.from({ length: 8 }, (_, n) => ({
    acks: -1,
    timeout: 1000,
    topicData: [{ topic: 't', partitions: [{ partition: 0, messages: [{ value: Buffer.alloc(50_000, `${n}`) }] }] }],
  }))
  for (const compression of Object.values(compressions)) {
    const alone: Buffer[] = []
    for (const content of contents) alone.push(Buffer.concat(await produceBody(content, compression, 0)))
    const together = await Promise.all(contents.map((content) => produceBody(content, compression, 0)))
    assert.deepEqual(
      together.map((pieces) => Buffer.concat(pieces)),
      alone,
    )
  }
})
