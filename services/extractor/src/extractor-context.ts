import type { RunContext } from '@millrace/store/runs/run-context.ts'
import type { Database } from '@millrace/store/open-store.ts'
import type { LeasedTask } from '@millrace/store/tasks/lease-task.ts'
import type { Producer } from '@millrace/kafka/port.ts'
import type { Registry } from '@millrace/registry/registry.ts'
import type { Logger } from '@millrace/telemetry/logger.ts'
import type { Warehouse } from '@millrace/warehouses/warehouse.ts'
import type { PublishLimits } from './chunk-publisher.ts'
import type { LeaseKeeper } from './lease-keeper.ts'
import type { PinHolder } from './pin-holder.ts'

/** What the tasks of an extractor work with. */
export type ExtractorContext = {
  readonly db: Database
  readonly producer: Producer
  readonly registry: Registry
  readonly pins: PinHolder
  /** Name of this process's life: a restarted process is another owner. */
  readonly owner: string
  readonly partitions: number
  readonly limits: PublishLimits
  readonly chunkRows: number
  warehouseOf(sourceId: string): Promise<Warehouse>
}

/** One leased task at work. */
export type TaskAtWork = {
  readonly task: LeasedTask
  readonly run: RunContext
  readonly keeper: LeaseKeeper
  readonly log: Logger
}
