import { connect, type Socket } from 'node:net'
import { toDatabricks, toSpark } from './thrift-dialect.ts'
import { messageEnd, ShortMessage } from './thrift-fields.ts'

type Waiting = { readonly resolve: (message: Buffer) => void; readonly reject: (error: Error) => void }

/**
 * Connections to a Thrift server that speaks over TCP, each for one call at a time. They stay open until the end: the
 * server closes a session with the connection over which it was opened.
 */
export class ThriftUpstream {
  readonly #port: number
  readonly #idle: Connection[] = []
  readonly #all = new Set<Connection>()

  constructor(port: number) {
    this.#port = port
  }

  /** The answer to a message. Rejects when the server closes the connection. */
  async call(message: Buffer): Promise<Buffer> {
    const connection = this.#idle.pop() ?? this.#open()
    try {
      const answer = await connection.call(message)
      this.#idle.push(connection)
      return answer
    } catch (error) {
      this.#all.delete(connection)
      connection.close()
      throw error
    }
  }

  close(): void {
    for (const connection of this.#all) connection.close()
  }

  #open(): Connection {
    const connection = new Connection(connect(this.#port, '127.0.0.1'))
    this.#all.add(connection)
    return connection
  }
}

class Connection {
  readonly #socket: Socket
  #bytes = Buffer.allocUnsafe(64 * 1024)
  #length = 0
  #needed = 0
  #waiting: Waiting | null = null

  constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (data) => this.#take(data))
    socket.on('error', (error) => this.#fail(error))
    socket.on('close', () => this.#fail(new Error('the Thrift server closed the connection')))
  }

  call(message: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      this.#length = 0
      this.#needed = 0
      this.#socket.write(message)
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #take(data: Buffer): void {
    const length = this.#length + data.length
    if (length > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(length, this.#bytes.length * 2))
      this.#bytes.copy(larger, 0, 0, this.#length)
      this.#bytes = larger
    }
    data.copy(this.#bytes, this.#length)
    this.#length = length
    if (length < this.#needed) return
    try {
      const end = messageEnd(this.#bytes.subarray(0, length))
      if (end > length) throw new ShortMessage(end)
      const waiting = this.#waiting
      this.#waiting = null
      waiting?.resolve(Buffer.from(this.#bytes.subarray(0, end)))
    } catch (error) {
      if (error instanceof ShortMessage) this.#needed = error.needed
      else this.#fail(error as Error)
    }
  }

  #fail(error: Error): void {
    const waiting = this.#waiting
    this.#waiting = null
    waiting?.reject(error)
  }
}

/** A message of the driver to Spark, and the answer as Databricks would give it. */
export async function throughDoor(upstream: ThriftUpstream, message: Buffer): Promise<Buffer> {
  return toDatabricks(await upstream.call(toSpark(message)))
}
