import type { InFlightBytes } from '@millrace/kafka/in-flight-bytes.ts'
import type { PartitionControl, Producer } from '@millrace/kafka/port.ts'
import type { Instruments, StageLabels } from '@millrace/telemetry/instruments.ts'
import type { Logger } from '@millrace/telemetry/logger.ts'
import type { Tracing } from '@millrace/telemetry/tracing.ts'
import type { CountedSeqs } from './counted-seqs.ts'
import type { DeliveryParts } from './deliver.ts'
import type { LookupRunsParts } from './lookup-runs.ts'
import type { ParkingParts } from './parking.ts'
import type { RecorderParts } from './progress-recorder.ts'
import type { ProjectLink } from './project-link.ts'
import type { RunCache } from './run-cache.ts'
import type { WireSchemas } from './wire-schemas.ts'

export type PartitionLoaderParts = {
  readonly topic: string
  readonly partition: number
  readonly control: PartitionControl
  readonly schemas: WireSchemas
  readonly runs: RunCache
  readonly counted: CountedSeqs
  readonly recorder: Omit<RecorderParts, 'patiently'>
  link(projectId: string): ProjectLink
  readonly delivery: Omit<DeliveryParts, 'alive' | 'retried' | 'sent'>
  readonly limits: LoaderLimits
  readonly inFlight: InFlightBytes
  /** Where lookup tables of this partition are gathered. */
  readonly spoolDir: string
  /** Is this the partition that all rows of the sync's lookup table go to? */
  isLookupPartition(syncId: string): boolean
  failRun: LookupRunsParts['failRun']
  countingAttempts: LookupRunsParts['countingAttempts']
  /** Null where messages are drained that were parked before: they wait for their destination. */
  readonly parking: PartitionParking | null
  readonly producer: Producer
  readonly instruments: Instruments
  readonly labels: StageLabels
  readonly tracing: Tracing
  readonly log: Logger
  /** Repeats while a registry or store is away, until the signal is aborted. */
  patiently<T>(what: string, work: () => Promise<T>, signal: AbortSignal, alive: () => void): Promise<T>
  /** The partition cannot go on in order: the process must end. */
  fail(error: Error): void
}

export type PartitionParking = Pick<ParkingParts, 'lane' | 'startDraining' | 'stopDraining' | 'waiting'> & {
  readonly parkedBefore: readonly string[]
}

export type LoaderLimits = {
  readonly batchRecordsMax: number
  /** Uncompressed bytes of a request. */
  readonly batchBytesMax: number
  readonly lingerMs: number
  /** Requests in flight of this partition. */
  readonly requestsMax: number
  /** How often it is looked for what can be sent, recorded or parked, ms. */
  readonly tickMs: number
}
