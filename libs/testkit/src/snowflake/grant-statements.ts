import { placeKey } from './catalog.ts'
import { adminRole, type GrantKind } from './grants.ts'
import { shownName } from './names.ts'
import { compilationError, noPrivilege, notModelled, notThere } from './snowflake-error.ts'
import type { Statement } from './statement.ts'
import { type StatementResult, statusResult } from './statement-result.ts'

const kinds: readonly GrantKind[] = ['DATABASE', 'SCHEMA', 'TABLE', 'VIEW', 'STREAM', 'WAREHOUSE', 'INTEGRATION']
const many: Readonly<Record<string, GrantKind>> = {
  SCHEMAS: 'SCHEMA',
  TABLES: 'TABLE',
  VIEWS: 'VIEW',
  STREAMS: 'STREAM',
}

/** What may be granted on which kind: https://docs.snowflake.com/en/user-guide/security-access-control-privileges */
const privileges: Readonly<Record<GrantKind, readonly string[]>> = {
  DATABASE: ['USAGE', 'CREATE SCHEMA', 'MONITOR'],
  SCHEMA: ['USAGE', 'CREATE TABLE', 'CREATE VIEW', 'CREATE STREAM', 'CREATE STAGE', 'MONITOR'],
  TABLE: ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES'],
  VIEW: ['SELECT', 'REFERENCES'],
  STREAM: ['SELECT'],
  WAREHOUSE: ['USAGE', 'OPERATE', 'MONITOR', 'MODIFY'],
  INTEGRATION: ['USAGE'],
}

/** GRANT and REVOKE of privileges on one object, or on ALL or FUTURE ones of a kind; GRANT ROLE … TO USER. */
export function grant(statement: Statement, isGiven: boolean): StatementResult {
  const { reader, world, session } = statement
  if (session.role !== adminRole) throw noPrivilege('account', world.account)
  if (reader.take('ROLE')) return grantRole(statement, isGiven)
  const named = readPrivileges(statement)
  reader.expect('ON')
  const { grants } = world.catalog
  const isFuture = reader.take('FUTURE')
  const targets = isFuture || reader.take('ALL') ? readMany(statement, isFuture) : [readOne(statement)]
  reader.expect(isGiven ? 'TO' : 'FROM')
  reader.take('ROLE')
  const role = reader.name()
  reader.end()
  if (!world.catalog.roles.has(role)) throw notThere('Role', shownName(role))
  for (const { kind, name } of targets)
    for (const privilege of named) {
      if (!privileges[kind].includes(privilege)) throw compilationError(`Invalid privilege ${privilege} on ${kind}.`)
      if (isFuture) grants.future(role, privilege, kind, name, isGiven)
      else if (isGiven) grants.grant(role, privilege, kind, name)
      else grants.revoke(role, privilege, kind, name)
    }
  return statusResult('Statement executed successfully.')
}

type Target = { readonly kind: GrantKind; readonly name: string }

function readPrivileges({ reader }: Statement): readonly string[] {
  const found: string[] = []
  do {
    const words = [reader.name()]
    while (!reader.is(',') && !reader.is('ON')) words.push(reader.name())
    found.push(words.join(' '))
  } while (reader.take(','))
  return found
}

function readOne({ reader, world, session }: Statement): Target {
  const { catalog } = world
  const kind = kinds.find((each) => reader.take(each))
  if (kind === undefined) throw notModelled(`GRANT ON ${reader.peek()?.value}`)
  const path = reader.path()
  const whole = path.join('.')
  if (kind === 'WAREHOUSE' || kind === 'INTEGRATION' || kind === 'DATABASE') {
    const known = kind === 'WAREHOUSE' ? catalog.warehouses : catalog.databases
    if (kind !== 'INTEGRATION' && !known.has(whole)) throw notThere(kind, shownName(whole))
    return { kind, name: whole }
  }
  if (kind === 'SCHEMA') {
    const [name = '', database = session.database ?? ''] = path.toReversed()
    catalog.schema(session, database, name)
    return { kind, name: `${database}.${name}` }
  }
  const place = catalog.place(session, path)
  if (catalog.find(session, place)?.kind !== kind) throw notThere(kind, shownName(whole))
  return { kind, name: placeKey(place) }
}

/** ALL or FUTURE kind IN DATABASE | SCHEMA name. Future ones are named by where they will be. */
function readMany({ reader, world, session }: Statement, isFuture: boolean): readonly Target[] {
  const { catalog } = world
  // There are no materialized views here, so nothing to grant on.
  const isNone = reader.take('MATERIALIZED')
  const kind = many[reader.name()]
  if (kind === undefined) throw reader.unexpected()
  reader.expect('IN')
  const isDatabase = reader.take('DATABASE')
  if (!isDatabase) reader.expect('SCHEMA')
  const path = reader.path()
  const database = catalog.database(session, (path.length === 2 || isDatabase ? path[0] : session.database) ?? '')
  const schemas = isDatabase
    ? [...database.schemas.values()]
    : [catalog.schema(session, database.name, path.at(-1) ?? '')]
  if (isNone) return []
  if (isFuture) return [{ kind, name: isDatabase ? database.name : `${database.name}.${path.at(-1)}` }]
  if (kind === 'SCHEMA') return schemas.map(({ name }) => ({ kind, name: `${database.name}.${name}` }))
  const objects = schemas.flatMap((schema) => [...schema.objects.values()])
  return objects.filter((object) => object.kind === kind).map((object) => ({ kind, name: placeKey(object) }))
}

function grantRole({ reader, world }: Statement, isGiven: boolean): StatementResult {
  const role = reader.name()
  reader.expect(isGiven ? 'TO' : 'FROM', 'USER')
  const name = reader.name()
  reader.end()
  const user = world.sessions.users.get(name)
  if (!world.catalog.roles.has(role)) throw notThere('Role', shownName(role))
  if (user === undefined) throw notThere('User', shownName(name))
  if (isGiven) user.roles.add(role)
  else user.roles.delete(role)
  return statusResult('Statement executed successfully.')
}

/** CREATE ROLE [IF NOT EXISTS] name. */
export function createRole({ reader, world, session }: Statement): StatementResult {
  if (session.role !== adminRole) throw noPrivilege('account', world.account)
  reader.take('IF', 'NOT', 'EXISTS')
  const name = reader.name()
  reader.end()
  world.catalog.roles.add(name)
  return statusResult(`Role ${shownName(name)} successfully created.`)
}

/** CREATE USER [IF NOT EXISTS] name with a password or a public key, TYPE and DEFAULT_ROLE. */
export function createUser({ reader, world, session }: Statement): StatementResult {
  if (session.role !== adminRole) throw noPrivilege('account', world.account)
  reader.take('IF', 'NOT', 'EXISTS')
  const name = reader.name()
  const values = new Map<string, string>()
  while (!reader.done && !reader.is(';')) {
    const option = reader.name()
    reader.expect('=')
    values.set(option, reader.next().value)
  }
  const { users } = world.sessions
  if (users.has(name)) return statusResult(`${shownName(name)} already exists, statement succeeded.`)
  const defaultRole = values.get('DEFAULT_ROLE') ?? 'PUBLIC'
  const password = values.get('PASSWORD') ?? null
  if (values.get('TYPE') === 'SERVICE' && password !== null)
    throw compilationError('Cannot set PASSWORD on a user of TYPE = SERVICE.')
  users.set(name, { name, password, roles: new Set(['PUBLIC']), defaultRole, keys: [null, null] })
  for (const [i, slot] of ['RSA_PUBLIC_KEY', 'RSA_PUBLIC_KEY_2'].entries())
    if (values.has(slot)) world.sessions.setPublicKey(name, i + 1, values.get(slot) ?? null)
  return statusResult(`User ${shownName(name)} successfully created.`)
}
