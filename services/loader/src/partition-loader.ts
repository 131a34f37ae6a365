import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import type { Marker } from '@millrace/domain/wire/batch-header.ts'
import type { UpdateCursor } from '@millrace/domain/wire/update-batch.ts'
import type { InMessage, PartitionWorker } from '@millrace/kafka/port.ts'
import type { ParkingChange } from '@millrace/store/progress/batch-count.ts'
import type { RunContext } from '@millrace/store/runs/run-context.ts'
import { failpoint } from '@millrace/telemetry/failpoint.ts'
import { BatchSender } from './batch-sender.ts'
import { Batcher, type BatchLimits } from './batcher.ts'
import type { DeliveryParts } from './deliver.ts'
import { countsOf, Entry } from './entry.ts'
import { GenerationRemovals } from './generation-removals.ts'
import { LatestAttempts } from './latest-attempts.ts'
import { Ledger } from './ledger.ts'
import { LookupRuns } from './lookup-runs.ts'
import { Parking } from './parking.ts'
import type { PartitionLoaderParts, PartitionParking } from './partition-loader-parts.ts'
import { PartitionLostError, ProgressRecorder } from './progress-recorder.ts'
import { createMessageReader, type MessageReader } from './read-message.ts'

/** How long a revoked partition waits for answers; what comes later is done again by its next owner. */
const closeMs = 4000
/** Ticks from one statement of progress to the next; each costs the store and us half a millisecond. */
const recordTicks = 3

/**
 * Loads one partition of an updates topic, or of a parked one.
 *
 * Delivery: at least once, and counted once. A message is recorded as done, with its counters, in one statement, after
 * every record in it and in all before it has a definite answer; Kafka hears of it after that, as a hint. A crash in
 * between sends again what the destination knows already by its ids, and the store counts a batch's number once. Proved
 * by test/crash.test.ts.
 */
export class PartitionLoader implements PartitionWorker {
  readonly #parts: PartitionLoaderParts
  readonly #abort = new AbortController()
  readonly #ledger: Ledger
  readonly #batcher: Batcher
  readonly #recorder: ProgressRecorder
  readonly #lookups: LookupRuns
  readonly #removals: GenerationRemovals
  readonly #parking: Parking | null
  readonly #attempts = new LatestAttempts()
  readonly #read: MessageReader
  readonly #delivery: DeliveryParts
  readonly #timer: NodeJS.Timeout
  #recording: Promise<void> | null = null
  #heldBytes = 0
  #ticks = 0
  #closed = false
  #lost = false

  constructor(parts: PartitionLoaderParts) {
    const { signal } = this.#abort
    this.#parts = parts
    this.#ledger = new Ledger(parts.recorder.offset)
    const patiently = <T>(work: () => Promise<T>) => parts.patiently('store', work, signal, this.#alive)
    this.#recorder = new ProgressRecorder({ ...parts.recorder, patiently })
    this.#delivery = this.#deliveryParts()
    const { requestsMax } = parts.limits
    const sender = new BatchSender({ ...parts, requestsMax, delivery: this.#delivery, signal, failed: this.#failed })
    this.#batcher = new Batcher((batch) => void sender.send(batch), parts.delivery.now)
    this.#read = createMessageReader({ ...parts, patiently: (work) => this.#patiently('registry', work) })
    const lookupParts = {
      ledger: this.#ledger,
      delivery: this.#delivery,
      runs: parts.runs,
      failRun: parts.failRun,
      countingAttempts: parts.countingAttempts,
      signal,
      log: parts.log,
    }
    const { spoolDir: dir, link, isLookupPartition } = parts
    const wasCounted = (runId: string) => parts.counted.hasRun(runId)
    this.#lookups = new LookupRuns({ ...lookupParts, dir, link, isLookupPartition, wasCounted, failed: this.#failed })
    this.#removals = new GenerationRemovals({ ...parts, delivery: this.#delivery, signal, failed: this.#failed })
    this.#parking = parts.parking && this.#makeParking(parts.parking)
    this.#timer = setInterval(() => this.#tick(), Math.max(10, parts.limits.tickMs))
  }

  async accept(messages: readonly InMessage[]): Promise<void> {
    for (const message of messages) {
      await this.#parts.inFlight.room()
      if (this.#closed) return
      // A lost partition takes no more: it is being opened again, or the group will say whose it is.
      if (this.#lost) return new Promise(() => undefined)
      try {
        await this.#take(message)
      } catch (error) {
        if (this.#closed) return
        throw error
      }
      await turn()
    }
  }

  async close(): Promise<void> {
    this.#batcher.seal(0)
    this.#closed = true
    clearInterval(this.#timer)
    const deadline = sleep(closeMs, 'late', { ref: false })
    await Promise.race([deadline, this.#drain()])
    this.#abort.abort(new Error('the partition was closed'))
    this.#parking?.close()
    void this.#lookups.close().catch((err: unknown) => this.#parts.log.debug({ err }, 'a spool was left behind'))
    this.#parts.inFlight.remove(this.#heldBytes)
    this.#heldBytes = 0
  }

  readonly #alive = (): void => this.#parts.control.alive()

  readonly #failed = (error: Error): void => {
    if (this.#closed || this.#lost) return
    if (!(error instanceof PartitionLostError)) {
      this.#parts.fail(error)
      return
    }
    this.#lost = true
    this.#parts.log.warn('another owner has moved the partition on; what is in memory is dropped')
    this.#abort.abort(error)
    // It may be the owner before, whose last step came late, and then this one goes on from there.
    this.#parts.control.reopen()
  }

  async #drain(): Promise<void> {
    while (!this.#lost && this.#ledger.size > 0) {
      await this.#record()
      await sleep(20)
    }
    if (!this.#lost) await this.#record()
  }

  async #take(message: InMessage): Promise<void> {
    const { instruments, labels, runs, inFlight } = this.#parts
    this.#ledger.reach(message.offset)
    inFlight.add(message.value.length)
    this.#heldBytes += message.value.length
    const decoded = await this.#read(message)
    if (decoded === null) return this.#skip(message)
    const { runId } = 'header' in decoded ? decoded.header : decoded
    instruments.bytesIn.add(message.value.length, labels)
    const run = runs.known(runId) ?? (await this.#patiently('store', () => runs.load(runId)))
    if (run === null) return this.#skip(message)
    if (!('header' in decoded) && decoded.kind === 'run_open') this.#parts.link(run.projectId).lookSoon()
    if (run.tableType === 'lookup_table') {
      const end = await this.#lookups.take(message.offset, run, decoded)
      return this.#addDone(new Entry(message.offset, message.value, null, null, end))
    }
    if (await this.#parking?.take(run.projectId, message.offset, message.value)) return
    if ('header' in decoded) await this.#takeBatch(message, run, decoded)
    else if (decoded.kind === 'run_end') this.#takeEnd(message, run, decoded)
    else this.#addDone(new Entry(message.offset, message.value, run.projectId))
  }

  #takeEnd(message: InMessage, run: RunContext, end: Marker): void {
    // Nothing more comes of this run: no need to wait for fuller batches.
    this.#batcher.seal(0, run.projectId)
    const entry = new Entry(message.offset, message.value, run.projectId, null, end)
    this.#ledger.add(entry)
    const removed = this.#removals.before(run)
    if (removed) entry.pending++
    void removed?.then((isDone) => isDone && entry.settle(1))
    entry.close()
  }

  async #takeBatch(message: InMessage, run: RunContext, cursor: UpdateCursor): Promise<void> {
    const { counted, instruments, labels } = this.#parts
    if (counted.isCounted(cursor.header) || this.#attempts.isSuperseded(cursor.header)) return this.#skip(message)
    const { projectId } = run
    const isMirror = run.mode === 'mirror'
    const limits = await this.#limitsOf(projectId, cursor, isMirror)
    // From here on nothing is awaited: the project must not be parked between looking and adding.
    if (limits === null || this.#parking?.isParked(projectId)) {
      this.#parking!.park(projectId)
      if (await this.#parking!.take(projectId, message.offset, message.value)) return
      return this.#takeBatch(message, run, cursor)
    }
    instruments.recordsIn.add(cursor.header.rows, labels)
    const entry = new Entry(message.offset, message.value, projectId, countsOf(cursor))
    this.#ledger.add(entry)
    const terms = isMirror ? { after: this.#removals.before(run) } : null
    if (cursor.tableType !== 'lookup_table')
      this.#batcher.add(entry, cursor, projectId, cursor.tableType, limits, terms)
    entry.close()
  }

  /** Null when the project has to be parked. */
  async #limitsOf(projectId: string, { tableType }: UpdateCursor, isMirror: boolean): Promise<BatchLimits | null> {
    const link = this.#parts.link(projectId)
    if (this.#parking && link.isDown) return null
    const destination =
      (await this.#patiently('store', () => link.destination())) ??
      (this.#parking ? null : await link.usable(this.#abort.signal, this.#alive))
    if (destination === null || tableType === 'lookup_table') return null
    const { batchRecordsMax, batchBytesMax, orderFree } = destination.limits
    const { limits } = this.#parts
    return {
      recordsMax: Math.min(limits.batchRecordsMax, batchRecordsMax[tableType]),
      bytesMax: Math.min(limits.batchBytesMax, batchBytesMax),
      orderFree: isMirror || orderFree[tableType],
    }
  }

  #skip(message: InMessage): void {
    this.#addDone(new Entry(message.offset, message.value, null))
  }

  #addDone(entry: Entry): void {
    this.#ledger.add(entry)
    entry.close()
  }

  #tick(): void {
    if (this.#closed || this.#lost) return
    const { limits, inFlight } = this.#parts
    // While there is no room nothing more can come: small batches of many projects must not hold it for long.
    this.#batcher.seal(inFlight.isFull ? limits.lingerMs / 5 : limits.lingerMs)
    // A run waits for its end to be recorded, and others for room; all else may wait and share a statement.
    if (++this.#ticks % recordTicks === 0 || this.#ledger.hasEnd || inFlight.isFull) void this.#record()
    this.#parkWhatIsDown()
    this.#parking?.look()
    // A table whose rows come slowly holds the offset on purpose.
    if (this.#lookups.runIds.length > 0 && this.#ledger.size === 0) this.#alive()
    void this.#lookups.dropEnded()
  }

  #parkWhatIsDown(): void {
    if (!this.#parking) return
    for (const projectId of this.#ledger.waitingProjects()) {
      if (!this.#parking.isParked(projectId) && this.#parts.link(projectId).isDown) this.#parking.park(projectId)
    }
  }

  /** Records what is finished; one statement at a time. */
  #record(): Promise<void> {
    this.#recording ??= this.#recordOnce()
      .catch((error: Error) => this.#failed(error))
      .finally(() => {
        this.#recording = null
      })
    return this.#recording
  }

  async #recordOnce(): Promise<void> {
    const { control, inFlight, instruments, labels } = this.#parts
    for (let step = this.#ledger.take(); step !== null; step = this.#ledger.take()) {
      await this.#recorder.record(step)
      const bytes = Math.min(step.bytes, this.#heldBytes)
      this.#heldBytes -= bytes
      inFlight.remove(bytes)
      if (step.rejects.length > 0) instruments.rejects.add(step.rejects.length, labels)
      await failpoint('loader.afterProgress')
      control.commit(step.nextOffset)
    }
  }

  async #recordParking(change: ParkingChange): Promise<void> {
    await this.#recorder.recordParking(this.#ledger.nextOffset!, [change])
  }

  #patiently<T>(what: string, work: () => Promise<T>): Promise<T> {
    return this.#parts.patiently(what, work, this.#abort.signal, this.#alive)
  }

  #deliveryParts(): DeliveryParts {
    const { delivery, instruments, labels } = this.#parts
    return {
      ...delivery,
      alive: this.#alive,
      retried: (reason) => instruments.retries.add(1, { ...labels, reason }),
      sent: (bytes) => instruments.bytesOut.add(bytes, labels),
    }
  }

  #makeParking({ parkedBefore, ...given }: PartitionParking): Parking {
    const { partition, producer, link, delivery, log } = this.#parts
    return new Parking(
      {
        ...given,
        partition,
        producer,
        ledger: this.#ledger,
        record: (projectId, state) =>
          this.#recordParking({ projectId, lane: given.lane, state, lastParkedOffset: null }),
        giveUp: (projectId) => {
          this.#batcher.drop(projectId)
          this.#removals.drop(projectId)
        },
        isDown: (projectId) => link(projectId).isDown,
        now: delivery.now,
        failed: this.#failed,
        log,
      },
      parkedBefore,
    )
  }
}
