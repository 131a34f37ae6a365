import { isFinalRunState } from '@millrace/domain/sync/run-state.ts'
import type { RunContext } from '@millrace/store/runs/run-context.ts'

const entriesMax = 1024
/** A run is pinned but for its state, which is looked at again after this. */
const freshMs = 10_000

/** What the loader knows of runs: looked up once, their state again now and then; bounded in number. */
export class RunCache {
  readonly #lookUp: (runId: string) => Promise<RunContext | null>
  readonly #now: () => number
  readonly #entries = new Map<string, { readonly run: RunContext | null; readonly freshUntil: number }>()

  constructor(lookUp: (runId: string) => Promise<RunContext | null>, now: () => number) {
    this.#lookUp = lookUp
    this.#now = now
  }

  /** Without waiting: undefined when it has to be loaded. Null = nobody counts records of this run. */
  known(runId: string): RunContext | null | undefined {
    const entry = this.#entries.get(runId)
    return entry && this.#now() < entry.freshUntil ? entry.run : undefined
  }

  async load(runId: string): Promise<RunContext | null> {
    const found = await this.#lookUp(runId)
    const run = found && !isFinalRunState(found.state) && found.state !== 'cancelling' ? found : null
    this.#entries.delete(runId)
    // run_open comes before the plan is stored, and with the plan the schema: until then nothing is pinned.
    const isPinned = run === null || run.schema !== null
    this.#entries.set(runId, { run, freshUntil: this.#now() + (isPinned ? freshMs : 0) })
    if (this.#entries.size > entriesMax) this.#entries.delete(this.#entries.keys().next().value!)
    return run
  }
}
