import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { BodySyntaxError } from '../src/events/body-syntax-error.ts'
import { EventScanner } from '../src/events/event-scanner.ts'
import { number, text } from '../src/events/field-span.ts'

function scan(body: Buffer): EventScanner {
  const scanner = new EventScanner()
  scanner.open(body, 0)
  scanner.record()
  if (scanner.peek() !== -1) throw new BodySyntaxError('more behind the record', scanner.position)
  return scanner
}

const json = fc.oneof(
  fc.json(),
  fc
    .record({
      event: fc.string(),
      properties: fc.dictionary(
        fc.oneof(fc.string(), fc.constantFrom('time', 'distinct_id', '$insert_id')),
        fc.jsonValue(),
      ),
    })
    .map((value) => JSON.stringify(value)),
)

describe('the event scanner', () => {
  test('takes what JSON.parse takes, and nothing else, also after any byte has changed', () => {
    fc.assert(
      fc.property(json, fc.nat(), fc.option(fc.constantFrom(...'{}[]",:0-.eE \\un\t')), (source, at, replacement) => {
        const cut = at % (source.length + 1)
        const changed = replacement === null ? source : source.slice(0, cut) + replacement + source.slice(cut + 1)
        let valid = true
        try {
          JSON.parse(changed)
        } catch {
          valid = false
        }
        if (valid) scan(Buffer.from(changed))
        else assert.throws(() => scan(Buffer.from(changed)), BodySyntaxError)
      }),
      { numRuns: 5000 },
    )
  })

  test('finds the values that JSON.parse finds', () => {
    fc.assert(
      fc.property(
        fc.record({
          event: fc.string({ unit: 'grapheme' }),
          properties: fc.dictionary(
            fc.oneof(fc.string(), fc.constantFrom('time', 'distinct_id', '$insert_id', '$warehouse_import_id')),
            fc.jsonValue(),
          ),
        }),
        fc.constantFrom(undefined, 1, '\t'),
        (record, indent) => {
          const body = Buffer.from(JSON.stringify(record, null, indent))
          const scanner = scan(body)
          const { properties } = record
          assert.equal(scanner.propertyCount, Object.keys(properties).length)
          assert.deepEqual(
            JSON.parse(body.toString('utf8', scanner.propertiesStart, scanner.propertiesEnd)),
            JSON.parse(JSON.stringify(properties)),
          )
          assert.equal(JSON.parse(`"${body.toString('utf8', scanner.event.start, scanner.event.end)}"`), record.event)
          for (const [name, span] of [
            ['time', scanner.time],
            ['distinct_id', scanner.distinctId],
            ['$insert_id', scanner.insertId],
            ['$warehouse_import_id', scanner.importId],
          ] as const) {
            const value = properties[name]
            assert.equal(span.kind === text, typeof value === 'string')
            assert.equal(span.kind === number, typeof value === 'number')
            if (typeof value === 'number') assert.equal(Number(body.toString('utf8', span.start, span.end)), value)
          }
        },
      ),
    )
  })

  test('nesting without end is an error, not a full stack', () => {
    assert.throws(() => scan(Buffer.from('['.repeat(1_000_000))), BodySyntaxError)
    assert.equal(scan(Buffer.from(`{"properties":{"a":${'['.repeat(1000)}${']'.repeat(1000)}}}`)).tooDeep, true)
  })
})
