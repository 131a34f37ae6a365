import type { Producer } from '@millrace/kafka/port.ts'
import type { Registry } from '@millrace/registry/registry.ts'
import type { Database } from '@millrace/store/open-store.ts'
import type { RunContext } from '@millrace/store/runs/run-context.ts'
import type { LeasedTask } from '@millrace/store/tasks/lease-task.ts'
import type { Instruments } from '@millrace/telemetry/instruments.ts'
import type { Logger } from '@millrace/telemetry/logger.ts'
import type { Tracing } from '@millrace/telemetry/tracing.ts'
import type { Warehouse } from '@millrace/warehouses/warehouse.ts'
import type { ChunkPublisher, PublishLimits } from './chunk-publisher.ts'
import type { LeaseKeeper } from './lease-keeper.ts'
import type { PinHolder } from './pin-holder.ts'

/** What the tasks of an extractor work with. */
export type ExtractorContext = {
  readonly db: Database
  readonly producer: Producer
  readonly registry: Registry
  readonly pins: PinHolder
  readonly instruments: Instruments
  readonly tracing: Tracing
  /** Tasks now at work in this process. */
  readonly activity: { tasks: number }
  /** Name of this process's life: a restarted process is another owner. */
  readonly owner: string
  readonly partitions: number
  readonly limits: PublishLimits
  /** Rows that a chunk aims at. */
  readonly chunkRows: number
  warehouseOf(sourceId: string): Promise<Warehouse>
}

/** One leased task at work. */
export type TaskAtWork = {
  readonly task: LeasedTask
  readonly run: RunContext
  readonly keeper: LeaseKeeper
  readonly log: Logger
  readonly notes: TaskNotes
}

/** What a task lets its loop know while it works. */
export type TaskNotes = {
  /** The attempt's publisher, for the progress that goes with each renewal of the lease. */
  publisher: ChunkPublisher | null
  /** The pin that the task reads at: if it is lost, this is the one to replace. */
  pinEpoch: number | null
}
