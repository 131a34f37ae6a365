import type { ObjectPlace, StoredObject, StoredStream, StoredTable, StoredView } from './catalog-objects.ts'
import { adminRole, type GrantKind, Grants } from './grants.ts'
import { shownName } from './names.ts'
import type { Session } from './session.ts'
import { alreadyExists, compilationError, notThere, SnowflakeError } from './snowflake-error.ts'

export type Schema = {
  readonly name: string
  owner: string
  readonly createdAt: number
  readonly objects: Map<string, StoredObject>
}
export type Database = {
  readonly name: string
  owner: string
  readonly createdAt: number
  readonly schemas: Map<string, Schema>
}

export type WarehouseObject = {
  readonly name: string
  state: 'STARTED' | 'SUSPENDED'
  autoResume: boolean
  /** The monitor that has used up its quota; null = none has. */
  exhaustedMonitor: string | null
  readonly createdAt: number
}

/** Databases, schemas, their objects, warehouses, and who may see them. */
export class Catalog {
  readonly databases = new Map<string, Database>()
  readonly warehouses = new Map<string, WarehouseObject>()
  readonly grants = new Grants()
  readonly roles = new Set([adminRole, 'PUBLIC'])
  #serial = 0
  #lastCreated = 0

  /** When something is made: never twice the same. */
  created(now: number): number {
    this.#lastCreated = now > this.#lastCreated ? now : this.#lastCreated + 1
    return this.#lastCreated
  }

  /** Throws unless the role may make such an object in the schema and the name is free. */
  demandPlace(session: Session, { database, schema, name }: ObjectPlace, privilege: string): void {
    const found = this.schema(session, database, schema)
    if (found.owner !== session.role) this.grants.demand(session.role, privilege, 'SCHEMA', `${database}.${schema}`)
    if (found.objects.has(name)) throw alreadyExists(shownName(name))
  }

  newId(): number {
    return ++this.#serial
  }

  /** A name of one to three parts, filled up from the session. */
  place(session: Session, path: readonly string[]): ObjectPlace {
    const [name, schema, database] = path.toReversed()
    const place = { name, schema: schema ?? session.schema, database: database ?? session.database }
    if (path.length > 3 || name === undefined) throw compilationError(`Invalid name '${path.join('.')}'.`)
    if (place.database === null || place.schema === null) throw noDatabase(place.database === null)
    return { name, schema: place.schema, database: place.database }
  }

  /** A database that the role may use. */
  database(session: Session, name: string): Database {
    const found = this.databases.get(name)
    if (found === undefined || !this.#mayUse(session.role, 'DATABASE', name, found.owner))
      throw notThere('Database', shownName(name))
    return found
  }

  /** A schema that the role may use. */
  schema(session: Session, database: string, name: string): Schema {
    const whole = `${database}.${name}`
    const found = this.database(session, database).schemas.get(name)
    if (found === undefined || !this.#mayUse(session.role, 'SCHEMA', whole, found.owner))
      throw notThere('Schema', `${shownName(database)}.${shownName(name)}`)
    return found
  }

  /** An object that the role sees; null when there is none, or it does not. */
  find(session: Session, { database, schema, name }: ObjectPlace): StoredObject | null {
    const found = this.schema(session, database, schema).objects.get(name)
    if (found === undefined || !this.sees(session, found)) return null
    return found
  }

  table(session: Session, place: ObjectPlace): StoredTable {
    const found = this.find(session, place)
    if (found?.kind !== 'TABLE') throw notThere('Table', shownPlace(place))
    return found
  }

  view(session: Session, place: ObjectPlace): StoredView {
    const found = this.find(session, place)
    if (found?.kind !== 'VIEW') throw notThere('View', shownPlace(place))
    return found
  }

  stream(session: Session, place: ObjectPlace): StoredStream {
    const found = this.find(session, place)
    if (found?.kind !== 'STREAM') throw notThere('Stream', shownPlace(place))
    return found
  }

  /** What a query names: it must be there and the role must be allowed to read it. */
  readable(session: Session, place: ObjectPlace): StoredObject {
    const found = this.find(session, place)
    if (found === null || !this.may(session, 'SELECT', found)) throw notThere('Object', shownPlace(place))
    return found
  }

  may(session: Session, privilege: string, object: StoredObject): boolean {
    const { owner, kind } = object
    return owner === session.role || this.grants.has(session.role, privilege, kind, placeKey(object))
  }

  sees(session: Session, object: StoredObject): boolean {
    if (object.kind === 'TABLE' && object.sessionId !== null && object.sessionId !== session.id) return false
    return object.owner === session.role || this.grants.sees(session.role, object.kind, placeKey(object))
  }

  /** Objects that a role sees, in their order by name. */
  objectsOf(session: Session): readonly StoredObject[] {
    const found: StoredObject[] = []
    for (const database of this.databases.values())
      for (const schema of database.schemas.values()) {
        const isOpen =
          this.#mayUse(session.role, 'DATABASE', database.name, database.owner) &&
          this.#mayUse(session.role, 'SCHEMA', `${database.name}.${schema.name}`, schema.owner)
        if (isOpen) found.push(...[...schema.objects.values()].filter((object) => this.sees(session, object)))
      }
    return found.toSorted((a, b) => (placeKey(a) < placeKey(b) ? -1 : 1))
  }

  put(object: StoredObject): void {
    this.databases.get(object.database)?.schemas.get(object.schema)?.objects.set(object.name, object)
  }

  /** Puts an object that is new: grants on those to come hold for it. */
  add(object: StoredObject): void {
    this.put(object)
    this.grants.made(object.kind, placeKey(object))
  }

  remove(object: StoredObject): void {
    this.databases.get(object.database)?.schemas.get(object.schema)?.objects.delete(object.name)
    if (object.kind !== 'STREAM') object.isDropped = true
  }

  #mayUse(role: string, kind: GrantKind, name: string, owner: string): boolean {
    return owner === role || this.grants.has(role, 'USAGE', kind, name)
  }
}

export function placeKey({ database, schema, name }: ObjectPlace): string {
  return `${database}.${schema}.${name}`
}

export function shownPlace({ database, schema, name }: ObjectPlace): string {
  return [database, schema, name].map(shownName).join('.')
}

function noDatabase(isDatabase: boolean): SnowflakeError {
  const what = isDatabase ? 'database' : 'schema'
  return new SnowflakeError(
    '090105',
    '22000',
    `Cannot perform operation. This session does not have a current ${what}. Call 'USE ${what.toUpperCase()}', or use a qualified name.`,
  )
}
