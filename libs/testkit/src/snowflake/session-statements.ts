import { adminRole } from './grants.ts'
import { shownName } from './names.ts'
import { noPrivilege, notModelled, notThere } from './snowflake-error.ts'
import type { Statement } from './statement.ts'
import { type StatementResult, statusResult, typeIds } from './statement-result.ts'

const done = () => statusResult('Statement executed successfully.', typeIds.control)

/** USE ROLE | WAREHOUSE | DATABASE | [SCHEMA] name. */
export function use({ reader, world, session }: Statement): StatementResult {
  const { catalog, sessions } = world
  if (reader.take('ROLE')) sessions.useRole(session, reader.name())
  else if (reader.take('WAREHOUSE')) {
    const name = reader.name()
    if (!catalog.warehouses.has(name) || !catalog.grants.sees(session.role, 'WAREHOUSE', name))
      throw notThere('Object', shownName(name))
    session.warehouse = name
  } else if (reader.take('DATABASE')) {
    session.database = catalog.database(session, reader.name()).name
    session.schema = 'PUBLIC'
  } else {
    reader.take('SCHEMA')
    const [name = '', database = session.database ?? ''] = reader.path().toReversed()
    session.schema = catalog.schema(session, database, name).name
    session.database = database
  }
  reader.end()
  return done()
}

/** ALTER SESSION SET name = value …; only what sessions keep. */
export function alterSession({ reader, session }: Statement): StatementResult {
  if (reader.take('UNSET')) session.parameters.delete(reader.name())
  else {
    reader.expect('SET')
    while (!reader.done && !reader.is(';')) {
      const name = reader.name()
      reader.expect('=')
      session.parameters.set(name, reader.next().value)
      reader.take(',')
    }
  }
  reader.end()
  return done()
}

/** ALTER WAREHOUSE name RESUME | SUSPEND | SET AUTO_RESUME = … */
export function alterWarehouse({ reader, world, session }: Statement): StatementResult {
  const { catalog } = world
  reader.take('IF', 'EXISTS')
  const name = reader.name()
  const found = catalog.warehouses.get(name)
  if (found === undefined || !catalog.grants.sees(session.role, 'WAREHOUSE', name))
    throw notThere('Warehouse', shownName(name))
  if (!catalog.grants.has(session.role, 'OPERATE', 'WAREHOUSE', name)) throw noPrivilege('warehouse', name)
  if (reader.take('RESUME')) {
    reader.take('IF', 'SUSPENDED')
    found.state = 'STARTED'
  } else if (reader.take('SUSPEND')) found.state = 'SUSPENDED'
  else if (reader.take('SET', 'AUTO_RESUME', '=')) found.autoResume = reader.name() === 'TRUE'
  else throw notModelled('ALTER WAREHOUSE')
  reader.end()
  return done()
}

/** ALTER USER name SET RSA_PUBLIC_KEY[_2] = '…', UNSET of it. */
export function alterUser({ reader, world, session }: Statement): StatementResult {
  const name = reader.name()
  if (session.role !== adminRole) throw noPrivilege('user', name)
  const isSet = reader.take('SET')
  if (!isSet) reader.expect('UNSET')
  const slot = { RSA_PUBLIC_KEY: 1, RSA_PUBLIC_KEY_2: 2 }[reader.name()]
  if (slot === undefined) throw reader.unexpected()
  if (isSet) reader.expect('=')
  world.sessions.setPublicKey(name, slot, isSet ? reader.next('string').value : null)
  reader.end()
  return done()
}
