import { rm } from 'node:fs/promises'
import path from 'node:path'
import { lookupHeader } from '@millrace/domain/mapping/lookup-transform.ts'
import type { Marker } from '@millrace/domain/wire/batch-header.ts'
import type { UpdateCursor } from '@millrace/domain/wire/update-batch.ts'
import type { RunContext } from '@millrace/store/runs/run-context.ts'
import { failpoint } from '@millrace/telemetry/failpoint.ts'
import type { Logger } from '@millrace/telemetry/logger.ts'
import type { DeliveryLink, DeliveryParts } from './deliver.ts'
import { endOf, type Ledger } from './ledger.ts'
import { LookupSpool } from './lookup-spool.ts'
import type { RunCache } from './run-cache.ts'
import { sendWhole } from './send-whole.ts'

export type LookupRunsParts = {
  /** Of this partition alone. */
  readonly dir: string
  readonly ledger: Ledger
  link(projectId: string): DeliveryLink
  /** Is this the partition that all rows of the sync's lookup table go to? */
  isLookupPartition(syncId: string): boolean
  /** Was anything of the run counted before the partition was opened? Then its table had been replaced. */
  wasCounted(runId: string): boolean
  readonly delivery: DeliveryParts
  readonly runs: RunCache
  /** The attempts at the chunks of a run that is read to its end. */
  countingAttempts(runId: string): Promise<ReadonlyMap<number, number>>
  /** Ends a run that cannot succeed. */
  failRun(runId: string, code: string, message: string): Promise<void>
  /** A replacement failed in a way that is a fault of the program or the machine. */
  failed(error: Error): void
  readonly signal: AbortSignal
  readonly log: Logger
}

type Open = { readonly spool: LookupSpool; readonly run: RunContext; isEnding: boolean }

const replacedMax = 1000

/**
 * The lookup tables that a partition gathers. While one is open, the partition's offset stays at its first message: a
 * crash loses the spool and nothing else, since it is read again from there. What comes in between is counted as ever.
 * The replacement at the run's end is done beside the partition's other work.
 */
export class LookupRuns {
  readonly #parts: LookupRunsParts
  readonly #open = new Map<string, Open>()
  readonly #replaced = new Set<string>()

  constructor(parts: LookupRunsParts) {
    this.#parts = parts
  }

  get runIds(): string[] {
    return [...this.#open.keys()]
  }

  /**
   * Takes a message over. What it holds is counted when the table stands at the destination; given back is a `run_end`
   * that has nothing to wait for. Copies that come after the replacement change nothing.
   */
  async take(offset: bigint, run: RunContext, decoded: UpdateCursor | Marker): Promise<Marker | null> {
    const isReplaced = this.#replaced.has(run.runId) || this.#parts.wasCounted(run.runId)
    if ('header' in decoded) {
      if (!isReplaced) await this.#add(offset, run, decoded)
      return null
    }
    if (decoded.kind !== 'run_end') return null
    if (isReplaced || !this.#isHere(run, decoded.rows)) return decoded
    this.#end(offset, run, decoded)
    return null
  }

  /** The run is over without us: nothing of it is wanted any more. */
  async drop(runId: string): Promise<void> {
    const open = this.#open.get(runId)
    if (!open) return
    this.#open.delete(runId)
    this.#parts.ledger.release(runId, [], null)
    await open.spool.remove()
  }

  /** The partition is given up: its next owner gathers everything again. */
  async close(): Promise<void> {
    await rm(this.#parts.dir, { recursive: true, force: true })
  }

  /** All rows of a lookup table go to one partition; the others only see its markers. An empty table has one as well. */
  #isHere({ runId, syncId }: RunContext, rows: number): boolean {
    return rows > 0 || this.#open.has(runId) || this.#parts.isLookupPartition(syncId)
  }

  async #add(offset: bigint, run: RunContext, cursor: UpdateCursor): Promise<void> {
    const open = this.#of(offset, run)
    // A copy that comes after the run's end changes nothing.
    if (!open.isEnding) await open.spool.add(cursor)
  }

  /** The run's end: replaces the table, then lets the offset go. */
  #end(offset: bigint, run: RunContext, marker: Marker): void {
    const open = this.#of(offset, run)
    if (open.isEnding) return
    open.isEnding = true
    void this.#replace(open, marker).catch((error: Error) => {
      // A run that was dropped meanwhile has taken its spool along.
      if (!this.#parts.signal.aborted && this.#open.get(run.runId) === open) this.#parts.failed(error)
    })
  }

  /** Forgets the tables of runs that are over: a cancelled run has no end, and must not hold the offset for ever. */
  async dropEnded(): Promise<void> {
    const { runs, log } = this.#parts
    for (const runId of this.runIds) {
      if (runs.known(runId) !== undefined) continue
      try {
        if ((await runs.load(runId)) === null) await this.drop(runId)
      } catch (err) {
        log.debug({ err, run: runId }, 'looking at the run of a lookup table failed')
      }
    }
  }

  #of(offset: bigint, run: RunContext): Open {
    this.#parts.ledger.hold(run.runId, offset)
    let open = this.#open.get(run.runId)
    if (!open) {
      open = { run, isEnding: false, spool: new LookupSpool(path.join(this.#parts.dir, run.runId)) }
      this.#open.set(run.runId, open)
    }
    return open
  }

  async #replace({ run, spool }: Open, marker: Marker): Promise<void> {
    const { mapping, schema, runId } = run
    const { ledger, failRun, log } = this.#parts
    if (mapping.tableType !== 'lookup_table' || schema === null) throw new Error(`run ${runId} has no lookup table`)
    spool.keep(await this.#parts.countingAttempts(runId))
    if (spool.rows !== marker.rows) {
      await failRun(runId, 'records_lost', `${spool.rows} of ${marker.rows} rows of the lookup table arrived.`)
      return this.drop(runId)
    }
    const file = await spool.assemble(lookupHeader(mapping, schema), mapping.id)
    const refusal = await this.#send(run.projectId, mapping.lookupTableId, file)
    if (refusal === 'ended') return
    if (refusal !== null) {
      await failRun(runId, 'lookup_table_refused', `The destination refused the lookup table: ${refusal}`)
      return this.drop(runId)
    }
    await failpoint('loader.afterAck')
    const { counts } = spool
    for (const each of counts) each.sent += each.inserts - each.refused.inserts + each.updates
    this.#open.delete(runId)
    this.#replaced.add(runId)
    if (this.#replaced.size > replacedMax) this.#replaced.delete(this.#replaced.keys().next().value!)
    ledger.release(runId, counts, endOf(marker))
    log.info({ run: runId, rows: marker.rows }, 'lookup table replaced')
    await spool.remove()
  }

  /** null = replaced, `ended` = stopped before, else why it was refused. */
  async #send(projectId: string, lookupTableId: string, file: string): Promise<string | null> {
    const { link, delivery, signal } = this.#parts
    const outcome = await sendWhole(link(projectId), delivery, signal, (destination) =>
      destination.replaceLookupTable(lookupTableId, file, signal),
    )
    if (outcome === null) return 'ended'
    if (outcome.kind === 'accepted') return null
    return outcome.kind === 'too_large' ? 'it is too large' : outcome.message
  }
}
