import { placeKey, shownPlace } from './catalog.ts'
import type { ObjectPlace, StoredView } from './catalog-objects.ts'
import { createStream } from './create-stream.ts'
import { createTable } from './create-table.ts'
import { createRole, createUser } from './grant-statements.ts'
import { adminRole } from './grants.ts'
import { nameFromDuck, shownName } from './names.ts'
import { alreadyExists, noPrivilege, notModelled, notThere } from './snowflake-error.ts'
import type { Statement } from './statement.ts'
import { type StatementResult, statusResult } from './statement-result.ts'
import { TokenReader } from './tokens.ts'
import { Translator } from './translate.ts'
import { typeFromDuck } from './types.ts'

export async function create(statement: Statement): Promise<StatementResult> {
  const { reader } = statement
  const replaces = reader.take('OR', 'REPLACE')
  if (reader.take('STREAM')) return await createStream(statement, replaces)
  if (reader.take('TABLE')) return await createTable(statement, replaces, 'PERMANENT')
  if (reader.take('TRANSIENT', 'TABLE')) return await createTable(statement, replaces, 'TRANSIENT')
  if (reader.take('TEMPORARY', 'TABLE') || reader.take('TEMP', 'TABLE'))
    return await createTable(statement, replaces, 'TEMPORARY')
  if (reader.take('SECURE', 'VIEW')) return await createView(statement, replaces, true)
  if (reader.take('VIEW')) return await createView(statement, replaces, false)
  if (reader.take('SCHEMA')) return createSchema(statement)
  if (reader.take('DATABASE')) return createDatabase(statement)
  if (reader.take('WAREHOUSE')) return createWarehouse(statement)
  if (reader.take('ROLE')) return createRole(statement)
  if (reader.take('USER')) return createUser(statement)
  throw notModelled(`CREATE ${reader.peek()?.value}`)
}

async function createView(statement: Statement, replaces: boolean, isSecure: boolean): Promise<StatementResult> {
  const { reader, world, session } = statement
  const { catalog, engine, transactions, now } = world
  const place = catalog.place(session, reader.path())
  let isTracked = false
  if (reader.is('(')) throw notModelled('column names of a view')
  while (!reader.take('AS')) {
    if (reader.take('CHANGE_TRACKING', '=')) isTracked = reader.name() === 'TRUE'
    else if (reader.take('COMMENT', '=')) reader.next('string')
    else throw reader.unexpected()
  }
  const query = reader.rest().replace(/;\s*$/, '')
  const sql = await new Translator(reader, statement.scope).sql()
  reader.end()
  const described = await engine.read(`SELECT * FROM (${sql}) LIMIT 0`)
  const types = described.columnTypes()
  const old = catalog.databases.get(place.database)?.schemas.get(place.schema)?.objects.get(place.name)
  if (replaces && old?.kind === 'VIEW') catalog.remove(old)
  catalog.demandPlace(session, place, 'CREATE VIEW')
  const view: StoredView = {
    kind: 'VIEW',
    ...place,
    owner: session.role,
    createdAt: catalog.created(now()),
    comment: '',
    id: catalog.newId(),
    query,
    isSecure,
    reads: readsOf(statement, query),
    columns: described.columnNames().map((name, i) => ({
      name: nameFromDuck(name),
      physical: '',
      type: typeFromDuck(types[i] as (typeof types)[number]),
      isNullable: true,
      fallback: null,
    })),
    trackedSince: isTracked ? transactions.version : null,
    isDropped: false,
  }
  catalog.add(view)
  return statusResult(`View ${shownName(place.name)} successfully created.`)
}

/** Names behind FROM and JOIN, and commas after them, that are objects. */
function readsOf({ world, session }: Statement, query: string): readonly ObjectPlace[] {
  const reader = new TokenReader(query)
  const found = new Map<string, ObjectPlace>()
  while (!reader.done) {
    const before = reader.peek(-1)
    const isTable = before !== undefined && /^(FROM|JOIN|,)$/.test(before.value)
    const token = reader.peek()
    if (!isTable || (token?.kind !== 'word' && token?.kind !== 'quoted')) {
      reader.at++
      continue
    }
    const place = world.catalog.place(session, reader.path().slice(0, 3))
    const object = world.catalog.databases.get(place.database)?.schemas.get(place.schema)?.objects.get(place.name)
    if (object !== undefined) found.set(shownPlace(place), place)
  }
  return [...found.values()]
}

function createSchema({ reader, world, session }: Statement): StatementResult {
  const ifNotExists = reader.take('IF', 'NOT', 'EXISTS')
  const path = reader.path()
  reader.end()
  const [name = '', database = session.database ?? ''] = path.toReversed()
  const found = world.catalog.database(session, database)
  if (found.schemas.has(name)) {
    if (ifNotExists) return statusResult(`${shownName(name)} already exists, statement succeeded.`)
    throw alreadyExists(shownName(name))
  }
  if (found.owner !== session.role && !world.catalog.grants.has(session.role, 'CREATE SCHEMA', 'DATABASE', database))
    throw noPrivilege('database', database)
  const createdAt = world.catalog.created(world.now())
  world.catalog.grants.made('SCHEMA', `${database}.${name}`)
  found.schemas.set(name, { name, owner: session.role, createdAt, objects: new Map() })
  if (path.length === 1) session.schema = name
  return statusResult(`Schema ${shownName(name)} successfully created.`)
}

function createDatabase({ reader, world, session }: Statement): StatementResult {
  const name = reader.name()
  reader.end()
  if (session.role !== adminRole) throw noPrivilege('account', world.account)
  if (world.catalog.databases.has(name)) throw alreadyExists(shownName(name))
  world.catalog.databases.set(name, {
    name,
    owner: session.role,
    createdAt: world.catalog.created(world.now()),
    schemas: new Map(),
  })
  return statusResult(`Database ${shownName(name)} successfully created.`)
}

/** CREATE WAREHOUSE [IF NOT EXISTS] name [WITH] option = value … */
function createWarehouse({ reader, world, session }: Statement): StatementResult {
  reader.take('IF', 'NOT', 'EXISTS')
  const name = reader.name()
  reader.take('WITH')
  const values = new Map<string, string>()
  while (!reader.done && !reader.is(';')) {
    const option = reader.name()
    reader.expect('=')
    values.set(option, reader.next().value)
  }
  if (session.role !== adminRole) throw noPrivilege('account', world.account)
  const { warehouses } = world.catalog
  if (warehouses.has(name)) return statusResult(`${shownName(name)} already exists, statement succeeded.`)
  const state = values.get('INITIALLY_SUSPENDED') === 'TRUE' ? 'SUSPENDED' : 'STARTED'
  const autoResume = values.get('AUTO_RESUME') !== 'FALSE'
  warehouses.set(name, {
    name,
    state,
    autoResume,
    exhaustedMonitor: null,
    createdAt: world.catalog.created(world.now()),
  })
  return statusResult(`Warehouse ${shownName(name)} successfully created.`)
}

const kinds = ['TABLE', 'VIEW', 'STREAM'] as const

/** DROP TABLE | VIEW | STREAM | SCHEMA [IF EXISTS] name. */
export async function drop({ reader, world, session }: Statement): Promise<StatementResult> {
  const { catalog } = world
  const kind = kinds.find((each) => reader.take(each))
  if (kind === undefined) throw notModelled(`DROP ${reader.peek()?.value}`)
  const ifExists = reader.take('IF', 'EXISTS')
  const place = catalog.place(session, reader.path())
  reader.end()
  const found = catalog.find(session, place)
  if (found === null || found.kind !== kind) {
    if (ifExists) return statusResult(`Drop statement executed successfully (${place.name} already dropped).`)
    throw notThere(kind.slice(0, 1) + kind.slice(1).toLowerCase(), shownPlace(place))
  }
  if (found.owner !== session.role && session.role !== adminRole) throw noPrivilege(kind, place.name)
  catalog.remove(found)
  catalog.grants.forget(found.kind, placeKey(found))
  if (found.kind === 'TABLE') await world.engine.run(`DROP TABLE ${found.physical}`)
  return statusResult(`${shownName(place.name)} successfully dropped.`)
}
