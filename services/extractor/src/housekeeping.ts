import type { Lane, WarehouseKind } from '@millrace/domain/words.ts'
import { countWaitingTasks } from '@millrace/store/tasks/count-waiting-tasks.ts'
import type { Logger } from '@millrace/telemetry/logger.ts'
import type { ExtractorContext } from './extractor-context.ts'
import type { SourceConnections } from './source-connections.ts'

export type HousekeepingOptions = { readonly warehouse: WarehouseKind; readonly lanes: readonly Lane[] }

export type Housekeeping = { close(): Promise<void> }

const everyMs = 2000

/**
 * What no task does: lets go of pins whose run reads no longer, closes connections to sources that were changed, and
 * counts the tasks that wait, which is the lag of an extractor and what it is scaled by.
 */
export function startHousekeeping(
  context: ExtractorContext,
  sources: SourceConnections,
  { warehouse, lanes }: HousekeepingOptions,
  log: Logger,
): Housekeeping {
  let waiting: ReadonlyMap<Lane, number> = new Map()
  let closed = false
  let timer: NodeJS.Timeout | null = null
  let round = Promise.resolve()

  async function tidy(): Promise<void> {
    try {
      waiting = await countWaitingTasks(context.db, { warehouse, lanes })
      await context.pins.sweep(context.db, context.owner)
      if (context.activity.tasks === 0 && context.pins.size === 0) await sources.closeRetired()
    } catch (error) {
      log.debug({ err: error }, 'housekeeping failed; trying again')
    }
  }

  function schedule(): void {
    if (closed) return
    timer = setTimeout(() => {
      round = tidy().then(schedule)
    }, everyMs)
  }

  const labelsOf = new Map(lanes.map((lane) => [lane, { stage: 'extract', lane, warehouse } as const]))
  context.instruments.observeLag(() =>
    Array.from(labelsOf, ([lane, labels]) => ({ value: waiting.get(lane) ?? 0, labels })),
  )
  schedule()
  return {
    async close() {
      closed = true
      if (timer) clearTimeout(timer)
      await round
    },
  }
}
