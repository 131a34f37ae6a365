import type { Meter } from '@opentelemetry/api'
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http'
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { type IMetricReader, MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import { createInstruments, type Instruments } from './instruments.ts'
import { measureProcess } from './process-metrics.ts'

export type Metrics = {
  readonly instruments: Instruments
  /** For measurements of one service only; `instruments` has what all share. */
  readonly meter: Meter
  /** The present state in Prometheus' text format. */
  exposition(): Promise<string>
  /** Sends what waits (OTLP) and stops measuring. */
  close(): Promise<void>
}

export type MetricsOptions = {
  readonly service: string
  readonly instance: string
  /** Base URL of an OTLP/HTTP collector, `OTEL_EXPORTER_OTLP_ENDPOINT`; left out = scraping only. */
  readonly otlpEndpoint?: string | undefined
}

/** Starts measuring: scraped as Prometheus text and, with an OTLP endpoint, pushed every 30 s as well. */
export function startMetrics({
  service,
  instance,
  otlpEndpoint = process.env.OTEL_EXPORTER_OTLP_ENDPOINT,
}: MetricsOptions): Metrics {
  const scraped = new PrometheusExporter({ preventServerStart: true })
  const serializer = new PrometheusSerializer('', false, undefined, false, true)
  const readers: IMetricReader[] = [scraped]
  if (otlpEndpoint) {
    const exporter = new OTLPMetricExporter({ url: `${otlpEndpoint.replace(/\/$/, '')}/v1/metrics` })
    readers.push(new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 30_000 }))
  }
  const provider = new MeterProvider({
    resource: resourceFromAttributes({ 'service.name': service, 'service.instance.id': instance }),
    readers,
  })
  const meter = provider.getMeter('millrace')
  const stopMeasuring = measureProcess(meter)
  return {
    instruments: createInstruments(meter),
    meter,
    async exposition() {
      const { resourceMetrics, errors } = await scraped.collect()
      if (errors.length > 0) throw new AggregateError(errors, 'Some metrics could not be collected')
      return serializer.serialize(resourceMetrics)
    },
    async close() {
      stopMeasuring()
      await provider.shutdown()
    },
  }
}
