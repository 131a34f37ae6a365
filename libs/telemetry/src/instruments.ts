import type { Attributes, Counter, Histogram, Meter } from '@opentelemetry/api'

/** Which step of the chain a measurement belongs to. */
export type Stage = 'extract' | 'transform' | 'load' | 'ingest'

/** Labels of a measurement. Make the object once and pass it again; ids of runs, syncs, projects are no labels. */
export type StageLabels = {
  readonly stage: Stage
  readonly lane?: string
  readonly warehouse?: string
  /** Short code of a reason: of a retry, a reject, a dead letter. */
  readonly reason?: string
}

export type GaugeReading = { readonly value: number; readonly labels: StageLabels & Attributes }

/** What the services count. Recorded once per batch, never per record. */
export type Instruments = {
  readonly recordsIn: Counter<StageLabels>
  readonly recordsOut: Counter<StageLabels>
  readonly bytesIn: Counter<StageLabels>
  readonly bytesOut: Counter<StageLabels>
  readonly batchSeconds: Histogram<StageLabels>
  readonly retries: Counter<StageLabels>
  readonly rejects: Counter<StageLabels>
  readonly deadLetters: Counter<StageLabels>
  /** Records of Kafka (batches) between a partition's end and the position reached; read when metrics are collected. */
  observeLag(read: () => Iterable<GaugeReading>): void
  /** Bytes taken and not yet finished with; read when metrics are collected. */
  observeInFlightBytes(read: () => Iterable<GaugeReading>): void
}

const batchSecondsBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

/** Makes the instruments of a service on its meter. Units stand in the names, as Prometheus has it. */
export function createInstruments(meter: Meter): Instruments {
  const counter = (name: string, description: string): Counter<StageLabels> =>
    meter.createCounter(`millrace.${name}`, { description })
  return {
    recordsIn: counter('records.in', 'Records taken in by a stage'),
    recordsOut: counter('records.out', 'Records handed on by a stage'),
    bytesIn: counter('bytes.in', 'Encoded bytes taken in by a stage'),
    bytesOut: counter('bytes.out', 'Encoded bytes handed on by a stage'),
    batchSeconds: meter.createHistogram('millrace.batch.seconds', {
      description: 'Time a batch spends in a stage, from taken to acknowledged',
      advice: { explicitBucketBoundaries: batchSecondsBuckets },
    }),
    retries: counter('retries', 'Attempts repeated'),
    rejects: counter('rejects', 'Rows rejected'),
    deadLetters: counter('dead_letters', 'Messages that could not be read and were set aside'),
    observeLag: (read) => observe(meter, 'lag', 'Messages between the end of a partition and the position', read),
    observeInFlightBytes: (read) => observe(meter, 'in_flight.bytes', 'Bytes taken and not yet finished with', read),
  }
}

function observe(meter: Meter, name: string, description: string, read: () => Iterable<GaugeReading>): void {
  const gauge = meter.createObservableGauge(`millrace.${name}`, { description })
  gauge.addCallback((result) => {
    for (const { value, labels } of read()) result.observe(value, labels)
  })
}
