import { type Attributes, ROOT_CONTEXT, type Span, SpanStatusCode, trace } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BatchSpanProcessor, type SpanExporter, TracerProvider } from '@opentelemetry/sdk-trace'
import { redactText } from './redact.ts'
import { parseTraceparent } from './traceparent.ts'

export type TracedSpan = {
  /** Ends the span; with an error it is marked failed and carries the (redacted) message. */
  end(error?: unknown): void
}

export type Tracing = {
  /**
   * Opens a span of a batch or of a run's step under the run's traceparent (`traceparentOfRun`, or a batch's header).
   * Costs nothing measurable when nobody collects traces.
   */
  start(name: string, traceparent: string, attributes?: Attributes): TracedSpan
  /** Sends what waits. */
  close(): Promise<void>
}

export type TracingOptions = {
  readonly service: string
  readonly instance: string
  /** Base URL of an OTLP/HTTP collector; left out = no spans are made. */
  readonly otlpEndpoint?: string | undefined
  /** Takes the place of the OTLP exporter. */
  readonly exporter?: SpanExporter
}

const idleSpan: TracedSpan = { end: () => undefined }

/** Starts tracing when a collector is named; spans are sent in batches and dropped, not waited for, when it is slow. */
export function startTracing({
  service,
  instance,
  otlpEndpoint = process.env.OTEL_EXPORTER_OTLP_ENDPOINT,
  exporter = otlpEndpoint ? new OTLPTraceExporter({ url: `${otlpEndpoint.replace(/\/$/, '')}/v1/traces` }) : undefined,
}: TracingOptions): Tracing {
  if (!exporter) return { start: () => idleSpan, close: async () => undefined }
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': service, 'service.instance.id': instance }),
    spanProcessors: [new BatchSpanProcessor({ exporter })],
  })
  const tracer = provider.getTracer('millrace')
  return {
    start(name, traceparent, attributes = {}) {
      const parent = parseTraceparent(traceparent)
      const context = parent ? trace.setSpanContext(ROOT_CONTEXT, parent) : ROOT_CONTEXT
      return traced(tracer.startSpan(name, { attributes }, context))
    },
    close: () => provider.shutdown(),
  }
}

function traced(span: Span): TracedSpan {
  return {
    end(error) {
      if (error !== undefined) {
        const message = error instanceof Error ? error.message : String(error)
        span.setStatus({ code: SpanStatusCode.ERROR, message: redactText(message) })
      }
      span.end()
    },
  }
}
