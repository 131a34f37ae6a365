import type { RunContext } from '@millrace/store/runs/run-context.ts'
import { failpoint } from '@millrace/telemetry/failpoint.ts'
import type { Logger } from '@millrace/telemetry/logger.ts'
import type { DeliveryLink, DeliveryParts } from './deliver.ts'
import { sendWhole } from './send-whole.ts'

export type GenerationRemovalsParts = {
  link(projectId: string): DeliveryLink
  readonly delivery: DeliveryParts
  /** The partition was closed or lost. */
  readonly signal: AbortSignal
  failed(error: Error): void
  readonly log: Logger
}

type Removal = { readonly projectId: string; readonly dropped: AbortController; readonly removed: Promise<boolean> }

/** Runs remembered as done; one that is forgotten is removed for once more, which changes nothing. */
const doneMax = 1000

/**
 * A mirror that is begun anew sends all of its rows under a new generation; what older ones left at the destination goes
 * first. Every partition asks for that by itself and again after a crash: it only ever removes what is older, so it does
 * not matter when and how often. The end of a run in a partition waits for it, hence no run succeeds before it is done.
 * Proved by test/mirror.test.ts.
 */
export class GenerationRemovals {
  readonly #parts: GenerationRemovalsParts
  readonly #open = new Map<string, Removal>()
  readonly #done = new Set<string>()

  constructor(parts: GenerationRemovalsParts) {
    this.#parts = parts
  }

  /** What the run has to wait for: true when it is done, false when it was given up. Never rejects. null = nothing. */
  before({ runId, projectId, importId, replacesGenerationsBefore }: RunContext): Promise<boolean> | null {
    if (replacesGenerationsBefore === null || this.#done.has(runId)) return null
    let removal = this.#open.get(runId)
    if (!removal) {
      const dropped = new AbortController()
      const removed = this.#remove(projectId, importId, replacesGenerationsBefore, dropped.signal).then((isDone) => {
        if (isDone) this.#remember(runId)
        return isDone
      })
      removal = { projectId, dropped, removed }
      this.#open.set(runId, removal)
    }
    return removal.removed
  }

  /** Gives up what is under way for a project: someone else goes on with its runs. */
  drop(projectId: string): void {
    for (const [runId, removal] of this.#open) {
      if (removal.projectId !== projectId) continue
      this.#open.delete(runId)
      removal.dropped.abort()
    }
  }

  async #remove(projectId: string, importId: string, generation: number, dropped: AbortSignal): Promise<boolean> {
    const { link, delivery, failed, log } = this.#parts
    const signal = AbortSignal.any([this.#parts.signal, dropped])
    try {
      const outcome = await sendWhole(link(projectId), delivery, signal, (destination) =>
        destination.removeOlderGenerations(importId, generation, signal),
      )
      if (outcome === null) return false
      if (outcome.kind !== 'accepted') throw new Error(`a removal of older generations was answered ${outcome.kind}`)
      await failpoint('loader.afterRemoval')
      log.info({ project: projectId, import: importId, generation }, 'older generations of an import removed')
      return true
    } catch (error) {
      if (!signal.aborted) failed(error as Error)
      return false
    }
  }

  #remember(runId: string): void {
    this.#open.delete(runId)
    this.#done.add(runId)
    if (this.#done.size > doneMax) this.#done.delete(this.#done.keys().next().value!)
  }
}
