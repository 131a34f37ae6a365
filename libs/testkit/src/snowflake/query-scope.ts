import { shownPlace } from './catalog.ts'
import type { StoredObject, StoredStream } from './catalog-objects.ts'
import { informationFunction, informationSchema } from './information-schema.ts'
import { rowsAt } from './row-versions.ts'
import type { QueryScope, Travel } from './scope.ts'
import type { Session } from './session.ts'
import { sessionCall } from './session-calls.ts'
import { SnowflakeError } from './snowflake-error.ts'
import { changesRows, streamRows } from './stream-rows.ts'
import { systemCall } from './system-calls.ts'
import { travelVersion } from './time-travel.ts'
import { TokenReader } from './tokens.ts'
import type { Transaction } from './transactions.ts'
import { Translator } from './translate.ts'
import type { World } from './world.ts'

/** How the names of a session's query are resolved; notes whether it reads anything that needs a warehouse. */
export class SessionScope implements QueryScope {
  readonly binds: readonly string[]
  readsRows = false
  /** Streams that the query reads. */
  readonly streams = new Set<StoredStream>()
  readonly #world: World
  readonly #session: Session
  readonly #transaction: Transaction | null

  constructor(world: World, session: Session, transaction: Transaction | null, binds: readonly string[]) {
    this.#world = world
    this.#session = session
    this.#transaction = transaction
    this.binds = binds
  }

  async table(path: readonly string[], travel: Travel | null): Promise<string> {
    const inSchema = path.at(-2) === 'INFORMATION_SCHEMA'
    const { catalog } = this.#world
    if (inSchema) {
      const database = path.length === 3 ? path[0] : this.#session.database
      this.readsRows = true
      return informationSchema(this.#world, this.#session, database ?? '', path.at(-1) ?? '')
    }
    const object = catalog.readable(this.#session, catalog.place(this.#session, path))
    this.readsRows = true
    return this.object(object, travel)
  }

  async object(object: StoredObject, travel: Travel | null): Promise<string> {
    if (object.kind === 'STREAM') {
      if (travel !== null) throw new SnowflakeError('002140', '42601', 'Time travel is not supported on a stream.')
      this.streams.add(object)
      return streamRows(this.#world, this.#session, this.#transaction, object)
    }
    if (travel?.changes != null) return changesRows(this.#world, this.#session, object, travel)
    const version = travel?.at == null ? null : await travelVersion(this.#world, this.#session, travel.at, object)
    if (object.kind === 'VIEW') {
      if (version !== null)
        throw new SnowflakeError('002140', '42601', `Time travel on view ${shownPlace(object)} is not modelled.`)
      return this.#viewRows(object.query, object.owner, object)
    }
    return rowsAt(object, version, this.#transaction?.id ?? 0)
  }

  /** A view is read with the rights of its owner, in its own schema. */
  async #viewRows(
    query: string,
    owner: string,
    place: { readonly database: string; readonly schema: string },
  ): Promise<string> {
    const session = { ...this.#session, role: owner, database: place.database, schema: place.schema }
    const scope = new SessionScope(this.#world, session, this.#transaction, [])
    return new Translator(new TokenReader(query), scope).sql()
  }

  async tableFunction(path: readonly string[], args: ReadonlyMap<string, string>): Promise<string> {
    const name = path.at(-1)
    if (path.length === 1 && name === 'GENERATOR') {
      const count = Number(args.get('ROWCOUNT'))
      return `SELECT CAST(i AS DECIMAL(38, 0)) AS "~SEQ" FROM range(${Math.trunc(count)}) AS r(i)`
    }
    this.readsRows = true
    return informationFunction(this.#world, this.#session, path)
  }

  async sessionCall(name: string, args: readonly string[]): Promise<string | null> {
    const system = await systemCall(this.#world, this.#session, this.#transaction, name, args)
    return system ?? sessionCall(this.#world, this.#session, name)
  }
}
