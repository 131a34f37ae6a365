import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace'
import { parseTraceparent, traceparentOfRun } from '../src/traceparent.ts'
import { startTracing } from '../src/tracing.ts'

const runId = '0192f0c1-5a7e-7c3b-9d2e-1f4a5b6c7d8e'

test('every process makes the same traceparent of a run, and it can be read back', () => {
  const header = traceparentOfRun(runId)
  assert.equal(header, traceparentOfRun(runId))
  assert.match(header, /^00-0192f0c15a7e7c3b9d2e1f4a5b6c7d8e-[0-9a-f]{16}-01$/)
  assert.equal(parseTraceparent(header)?.traceId, runId.replaceAll('-', ''))
  assert.ok(parseTraceparent(traceparentOfRun('00000000-0000-0000-0000-000000000000')))
})

test('a header that breaks the grammar names no parent', () => {
  const zeros = '0'.repeat(32)
  const id = 'a'.repeat(16)
  for (const header of [
    '',
    'x',
    `00-${zeros}-${id}-01`,
    `ff-${'a'.repeat(32)}-${id}-01`,
    `00-${'A'.repeat(32)}-${id}-01`,
  ]) {
    assert.equal(parseTraceparent(header), null, header)
  }
})

test('the span of a batch belongs to the trace of its run and carries no secret of its error', async () => {
  const spans: ReadableSpan[] = []
  const exporter: SpanExporter = {
    export(batch, done) {
      spans.push(...batch)
      done({ code: 0 })
    },
    shutdown: async () => undefined,
  }
  const tracing = startTracing({ service: 'test', instance: 'one', exporter })
  const span = tracing.start('transform.batch', traceparentOfRun(runId), { rows: 500 })
  span.end(new Error('cannot reach postgres://u:CANARY@h'))
  await tracing.close()
  assert.equal(spans.length, 1)
  assert.equal(spans[0]!.spanContext().traceId, runId.replaceAll('-', ''))
  assert.equal(spans[0]!.attributes.rows, 500)
  assert.doesNotMatch(JSON.stringify(spans[0]!.status), /CANARY/)
})

test('without a collector no span is made', async () => {
  const tracing = startTracing({ service: 'test', instance: 'one', otlpEndpoint: undefined })
  tracing.start('x', '').end()
  await tracing.close()
})
