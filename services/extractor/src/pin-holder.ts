import type { Database } from '@millrace/store/open-store.ts'
import { runPin } from '@millrace/store/tasks/run-pin.ts'
import type { Pin } from '@millrace/warehouses/warehouse.ts'

const stillReading: ReadonlySet<string> = new Set(['planning', 'reading'])

/**
 * The reading positions (snapshots) that this process holds open for runs it has planned, until reading ends. When the
 * process dies they die with it; readers then see `pin_lost` and one of them pins again.
 */
export class PinHolder {
  readonly #pins = new Map<string, Pin>()

  get size(): number {
    return this.#pins.size
  }

  async hold(runId: string, pin: Pin): Promise<void> {
    await this.release(runId)
    this.#pins.set(runId, pin)
  }

  async release(runId: string): Promise<void> {
    const pin = this.#pins.get(runId)
    this.#pins.delete(runId)
    await pin?.close()
  }

  /** Lets go of the pins of runs that read no longer, or that another extractor has pinned again. */
  async sweep(db: Database, owner: string): Promise<void> {
    for (const runId of [...this.#pins.keys()]) {
      const held = await runPin(db, runId)
      if (!held || !stillReading.has(held.state) || held.pinOwner !== owner) await this.release(runId)
    }
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#pins.keys()].map((runId) => this.release(runId)))
  }
}
