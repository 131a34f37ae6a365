import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nestedDepthMax, nestedEntriesMax, nulCharacter, textInvalid } from '@millrace/domain/json/problem.ts'
import { jsonStringMax, writeJsonString } from '@millrace/domain/json/string-writer.ts'
import { JsonScanner } from '@millrace/domain/json/value-scanner.ts'
import fc from 'fast-check'

const scanner = new JsonScanner()

/** The copy of a JSON text, or the problem that it has. */
function copy(text: string | Uint8Array): string | number {
  const source = Buffer.from(text as string)
  const target = Buffer.alloc(source.length + 2)
  const end = scanner.copy(source, 0, source.length, target, 1)
  assert.ok(target[0] === 0 && target[target.length - 1] === 0, 'it wrote outside of its room')
  return end < 0 ? end : target.toString('utf8', 1, end)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

test('any JSON is copied to the same value without whitespace', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(0, 1, 3, '\t', '\n\r '), (value, space) => {
      const compact = JSON.stringify(value)
      assert.equal(copy(JSON.stringify(value, null, space)), compact)
    }),
  )
})

/** JSON with a few characters taken out, put in or replaced: mostly broken, sometimes not. */
const damaged = fc
  .tuple(
    fc.json({ maxDepth: 3 }),
    fc.array(fc.tuple(fc.nat(), fc.nat(2), fc.constantFrom(...'{}[]",:\\u0019eE+-. tnf/'))),
  )
  .map(([text, edits]) =>
    edits.reduce((now, [where, cut, put]) => {
      const at = where % (now.length + 1)
      return now.slice(0, at) + put + now.slice(at + cut)
    }, text),
  )

test('what JSON.parse takes is taken, what it refuses is refused', () => {
  fc.assert(
    fc.property(damaged, (text) => {
      const copied = copy(text)
      const value = parse(text)
      if (copied === nulCharacter || copied === textInvalid) return
      if (typeof copied === 'number') assert.equal(value, undefined)
      else assert.deepEqual(parse(copied), value)
    }),
    { numRuns: 5000 },
  )
})

test('nesting and width are taken up to their limits', () => {
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
  const wide = (count: number) => JSON.stringify(Array(count).fill(1))
  assert.equal(copy(nested(nestedDepthMax)), nested(nestedDepthMax))
  assert.equal(typeof copy(nested(nestedDepthMax + 1)), 'number')
  assert.equal(copy(wide(nestedEntriesMax)), wide(nestedEntriesMax))
  assert.equal(typeof copy(wide(nestedEntriesMax + 1)), 'number')
})

test('a text is written as JSON.stringify writes it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const source = Buffer.from(text)
      const target = Buffer.alloc(jsonStringMax(source.length))
      const end = writeJsonString(source, 0, source.length, target, 0)
      if (text.includes('\0')) assert.equal(end, nulCharacter)
      else assert.equal(target.toString('utf8', 0, end), JSON.stringify(text))
    }),
  )
})

test('bytes are taken as text exactly when they are UTF-8', () => {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const isText = (bytes: Uint8Array) => {
    try {
      decoder.decode(bytes)
      return true
    } catch {
      return false
    }
  }
  const byte = fc.oneof(
    fc.integer({ min: 1, max: 255 }),
    fc.constantFrom(0xed, 0xa0, 0x80, 0xf0, 0x9f, 0xe0, 0xc1, 0xf4, 0x90),
  )
  fc.assert(
    fc.property(fc.array(byte, { maxLength: 8 }), (values) => {
      const source = Uint8Array.from(values)
      const target = Buffer.alloc(jsonStringMax(source.length))
      assert.equal(writeJsonString(source, 0, source.length, target, 0) !== textInvalid, isText(source))
    }),
    { numRuns: 5000 },
  )
})
