import { once } from 'node:events'
import { Readable } from 'node:stream'
import type pg from 'pg'
import { copyLine, shopEvents, shopEventsTable } from './shop-events.ts'

export type LoadTableOptions = {
  readonly table: string
  readonly rows: number
  readonly seed: number
  /** First event id; default 1. */
  readonly first?: number
  readonly say?: (line: string) => void
}

const chunkBytes = 256 * 1024

/**
 * Makes a table of shop events and fills it through COPY … FROM STDIN, then analyses it. Gives its size on disk in bytes.
 * `client` must be connected.
 */
export async function loadTable(client: pg.Client, options: LoadTableOptions): Promise<number> {
  const { table, rows, seed, first = 1, say } = options
  await client.query(`CREATE TABLE ${table} (${shopEventsTable})`)
  const copied = await copyIn(client, `COPY ${table} FROM STDIN`, chunks(seed, first, rows, say))
  if (copied !== rows) throw new Error(`${copied} rows of ${rows} were copied into ${table}`)
  // Readers of a fresh table would otherwise pay for the visibility map.
  await client.query(`VACUUM ANALYZE ${table}`)
  const { rows: sizes } = await client.query('SELECT pg_total_relation_size($1::regclass) AS bytes', [table])
  return Number(sizes[0].bytes)
}

function* chunks(seed: number, first: number, rows: number, say?: (line: string) => void): Generator<Buffer> {
  let text = ''
  let done = 0
  for (const event of shopEvents(seed, first, rows)) {
    text += copyLine(event)
    done++
    if (done % 250_000 === 0) say?.(`  ${done} rows made`)
    if (text.length < chunkBytes) continue
    yield Buffer.from(text)
    text = ''
  }
  if (text !== '') yield Buffer.from(text)
}

/** Rows copied. pg has no COPY of its own, but hands messages it does not know to the query that is active. */
async function copyIn(client: pg.Client, statement: string, data: Iterable<Buffer>): Promise<number> {
  const copy = new CopyFrom(statement, data)
  client.query(copy as unknown as pg.Query)
  return await copy.done.promise
}

type Connection = {
  readonly stream: NodeJS.WritableStream & { readonly writableNeedDrain: boolean }
  query(text: string): void
  sendCopyFromChunk(chunk: Buffer): void
  endCopyFrom(): void
  sendCopyFail(message: string): void
}

/** What pg calls while the statement runs: https://github.com/brianc/node-postgres/blob/master/packages/pg/lib/client.js */
class CopyFrom {
  readonly done = Promise.withResolvers<number>()
  readonly #statement: string
  readonly #data: Iterable<Buffer>
  #rows = 0

  constructor(statement: string, data: Iterable<Buffer>) {
    this.#statement = statement
    this.#data = data
  }

  submit(connection: Connection): void {
    connection.query(this.#statement)
  }

  handleCopyInResponse(connection: Connection): void {
    void this.#send(connection)
  }

  handleCommandComplete({ text }: { text: string }): void {
    this.#rows = Number(/^COPY (\d+)/.exec(text)?.[1] ?? 0)
  }

  handleReadyForQuery(): void {
    this.done.resolve(this.#rows)
  }

  handleError(error: Error): void {
    this.done.reject(error)
  }

  async #send(connection: Connection): Promise<void> {
    try {
      for await (const chunk of Readable.from(this.#data)) {
        connection.sendCopyFromChunk(chunk)
        if (connection.stream.writableNeedDrain) await once(connection.stream, 'drain')
      }
      connection.endCopyFrom()
    } catch (error) {
      connection.sendCopyFail(error instanceof Error ? error.message : String(error))
    }
  }
}
