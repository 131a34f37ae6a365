/**
 * W3C Trace Context (https://www.w3.org/TR/trace-context/#traceparent-header):
 *
 *     traceparent = "00" "-" trace-id (32 hex) "-" parent-id (16 hex) "-" flags (2 hex; bit 0 = sampled)
 *
 * All-zero ids are invalid.
 */
import { createHash } from 'node:crypto'
import { type SpanContext, TraceFlags } from '@opentelemetry/api'

const grammar = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/** The traceparent of a run, the same in every process: its trace id is the run's UUID. */
export function traceparentOfRun(runId: string): string {
  const hash = createHash('sha256').update(runId).digest('hex')
  const digits = runId.replaceAll('-', '').toLowerCase()
  const traceId = /^[0-9a-f]{32}$/.test(digits) && !/^0+$/.test(digits) ? digits : hash.slice(0, 32)
  return `00-${traceId}-${hash.slice(32, 48)}-01`
}

/** The span context that a header names; null when it is empty or not valid. */
export function parseTraceparent(header: string): SpanContext | null {
  const match = grammar.exec(header)
  if (!match) return null
  const [, version, traceId, spanId, flags, rest] = match as unknown as [
    string,
    string,
    string,
    string,
    string,
    string?,
  ]
  if (version === 'ff' || (version === '00' && rest !== undefined)) return null
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return null
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED, isRemote: true }
}
