import type { Duplex } from 'node:stream'
import type pg from 'pg'
import type { ChangeSink } from '../change-sink.ts'
import { WarehouseError } from '../warehouse-error.ts'
import type { RowEncoder } from './row-encoder.ts'

/** The largest row that is taken from the wire, in bytes. Rows above what a run publishes become rejects long before. */
export const wireRowBytesMax = 32 * 1024 * 1024

const headBytes = 5
const dataRow = 0x44
/** ParseComplete, BindComplete, NoticeResponse, ParameterStatus, NotificationResponse: nothing for us in them. */
const skipped: ReadonlySet<number> = new Set([0x31, 0x32, 0x4e, 0x53, 0x41])

/** What makes a row of a DataRow. */
export type WireEncoder = Pick<RowEncoder, 'encode' | 'writer' | 'rowId' | 'shrink'>

type Listener = (chunk: Buffer) => void

/**
 * One statement whose rows go from the socket to a sink without becoming objects: it takes the driver's place at the
 * socket from the first answer to the end of the rows, and gives the driver whatever follows (CommandComplete, errors).
 *
 *   message = byte(type) int32(length, itself included) byte*          DataRow = 'D' …, see row-encoder.ts
 *
 * Memory: one piece of the socket's and one row. When the sink wants a pause the socket is paused, and TCP makes the
 * server wait. A connection that ends before CommandComplete is an error of the driver's, never an end of rows.
 */
export class RowStream implements pg.Submittable {
  readonly #text: string
  readonly #values: readonly (string | null)[]
  readonly #encoder: WireEncoder
  readonly #sink: Pick<ChangeSink, 'insert' | 'drained'>
  readonly #result = Promise.withResolvers<number>()
  #socket: Duplex | null = null
  #driver: Listener[] = []
  readonly #onData = (chunk: Buffer) => this.#take(chunk)
  /** A message of which more must come. */
  #held = Buffer.alloc(0)
  #heldLength = 0
  /** What came while the sink wanted a pause. */
  #later: Buffer[] = []
  #waiting = false
  #failed = false
  #rows = 0
  /** The sink's own reason to end, when that is what ended it. */
  sinkFailure: unknown = null

  /** `text` with its parameters `values`, whose columns are those that `encoder` was made for. */
  constructor(
    text: string,
    values: readonly (string | null)[],
    encoder: WireEncoder,
    sink: Pick<ChangeSink, 'insert' | 'drained'>,
  ) {
    this.#text = text
    this.#values = values
    this.#encoder = encoder
    this.#sink = sink
  }

  /** The number of rows, once the server has said that these were all. */
  get done(): Promise<number> {
    return this.#result.promise
  }

  /** Called by the driver when the connection is free. */
  submit(connection: pg.Connection): void {
    const wire = connection as unknown as Wire
    this.#socket = wire.stream
    this.#driver = wire.stream.listeners('data') as Listener[]
    wire.stream.removeAllListeners('data')
    wire.stream.on('data', this.#onData)
    wire.parse({ name: '', text: this.#text, types: [] })
    // The type of pg knows text results only.
    wire.bind({ portal: '', statement: '', values: this.#values, binary: true })
    wire.execute({ portal: '', rows: 0 })
    wire.sync()
  }

  handleCommandComplete(): void {
    this.#result.resolve(this.#rows)
  }

  handleError(error: Error): void {
    this.fail(error)
  }

  handleReadyForQuery(): void {
    this.#result.resolve(this.#rows)
  }

  /** Ends it with an error; the connection is of no use any more. */
  fail(error: unknown): void {
    this.#failed = true
    this.#later = []
    this.#result.reject(error)
  }

  #take(chunk: Buffer): void {
    if (this.#failed) return
    if (this.#waiting) this.#later.push(chunk)
    else
      try {
        this.#consume(chunk)
      } catch (error) {
        this.fail(error)
        this.#socket?.destroy()
      }
  }

  #consume(chunk: Buffer): void {
    let at = 0
    while (this.#heldLength > 0) {
      at = this.#completeHeld(chunk, at)
      if (at < 0) return
      if (this.#waiting) {
        this.#keepForLater(chunk, at)
        return
      }
    }
    while (chunk.length - at >= headBytes) {
      const length = chunk.readInt32BE(at + 1)
      const type = chunk[at]!
      const end = at + 1 + length
      checkLength(type, length)
      if (type !== dataRow && !skipped.has(type)) {
        this.#giveBack(chunk.subarray(at))
        return
      }
      if (end > chunk.length) break
      if (type === dataRow) this.#row(chunk, at + headBytes, end)
      at = end
      if (this.#waiting) {
        this.#keepForLater(chunk, at)
        return
      }
    }
    if (at < chunk.length) this.#hold(chunk, at, chunk.length)
  }

  /** Adds to the held message until it is whole, then works on it. Returns where the rest begins; -1 when none is left. */
  #completeHeld(chunk: Buffer, at: number): number {
    if (this.#heldLength < headBytes) {
      const next = Math.min(chunk.length, at + headBytes - this.#heldLength)
      this.#hold(chunk, at, next)
      at = next
      if (this.#heldLength < headBytes) return -1
    }
    const type = this.#held[0]!
    const length = this.#held.readInt32BE(1)
    checkLength(type, length)
    if (type !== dataRow && !skipped.has(type)) {
      this.#giveBack(Buffer.concat([this.#held.subarray(0, this.#heldLength), chunk.subarray(at)]))
      return -1
    }
    const whole = 1 + length
    this.#reserve(whole)
    const next = Math.min(chunk.length, at + whole - this.#heldLength)
    this.#hold(chunk, at, next)
    if (this.#heldLength < whole) return -1
    this.#heldLength = 0
    if (type === dataRow) this.#row(this.#held, headBytes, whole)
    if (whole > 1024 * 1024) this.#held = Buffer.alloc(0)
    return next
  }

  #hold(chunk: Buffer, start: number, end: number): void {
    this.#reserve(this.#heldLength + end - start)
    this.#heldLength += chunk.copy(this.#held, this.#heldLength, start, end)
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#held.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(bytes, 1024))
    this.#held.copy(larger, 0, 0, this.#heldLength)
    this.#held = larger
  }

  #row(source: Buffer, at: number, end: number): void {
    const encoder = this.#encoder
    encoder.encode(source, at, end)
    this.#rows++
    const { writer, rowId } = encoder
    const more = this.#sink.insert(rowId, writer.buffer, 0, writer.length)
    if (end - at > 1024 * 1024) encoder.shrink()
    if (!more) this.#pause()
  }

  #pause(): void {
    this.#waiting = true
    this.#socket!.pause()
    this.#sink.drained().then(
      () => this.#resume(),
      (error) => {
        this.sinkFailure = error
        this.fail(error)
      },
    )
  }

  #resume(): void {
    if (this.#failed) return
    this.#waiting = false
    const later = this.#later
    this.#later = []
    for (const chunk of later) this.#take(chunk)
    if (!this.#waiting) this.#socket!.resume()
  }

  #keepForLater(chunk: Buffer, at: number): void {
    if (at < chunk.length) this.#later.unshift(chunk.subarray(at))
  }

  /** The rows are over, or the server reports an error: from here on the driver reads again. */
  #giveBack(rest: Buffer): void {
    this.#heldLength = 0
    const socket = this.#socket!
    socket.off('data', this.#onData)
    for (const listener of this.#driver) socket.on('data', listener)
    for (const listener of this.#driver) listener(rest)
  }
}

type Wire = {
  readonly stream: Duplex
  parse(query: { name: string; text: string; types: readonly number[] }): void
  bind(config: { portal: string; statement: string; values: readonly (string | null)[]; binary: boolean }): void
  execute(config: { portal: string; rows: number }): void
  sync(): void
}

function checkLength(type: number, length: number): void {
  if (length < 4)
    throw new WarehouseError(
      'protocol_error',
      'The server sent something that is not Postgres’ protocol.',
      'Check what stands between.',
    )
  if (type === dataRow && length > wireRowBytesMax) {
    throw new WarehouseError(
      'row_too_large',
      `A row is larger than ${wireRowBytesMax / 1024 / 1024} MB.`,
      'Sync a view of the table that leaves its largest column out.',
    )
  }
}
