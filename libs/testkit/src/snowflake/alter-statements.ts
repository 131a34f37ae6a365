import { shownPlace } from './catalog.ts'
import type { StoredTable, StoredView } from './catalog-objects.ts'
import { columnSql, readColumn, readNames } from './create-table.ts'
import { invalidIdentifier } from './error-from-duck.ts'
import { adminRole } from './grants.ts'
import { shownName } from './names.ts'
import { alterSession, alterUser, alterWarehouse } from './session-statements.ts'
import { alreadyExists, noPrivilege, notModelled, notThere } from './snowflake-error.ts'
import type { Statement } from './statement.ts'
import { type StatementResult, statusResult } from './statement-result.ts'
import { tablesUnder } from './stream-rows.ts'
import { readType } from './types.ts'

export async function alter(statement: Statement): Promise<StatementResult> {
  const { reader } = statement
  if (reader.take('SESSION')) return alterSession(statement)
  if (reader.take('WAREHOUSE')) return alterWarehouse(statement)
  if (reader.take('USER')) return alterUser(statement)
  if (reader.take('VIEW')) return alterView(statement)
  if (reader.take('TABLE')) return await alterTable(statement)
  if (reader.take('ACCOUNT', 'SET', 'PREVENT_UNLOAD_TO_INLINE_URL', '=')) {
    if (statement.session.role !== adminRole) throw noPrivilege('account', statement.world.account)
    statement.world.preventInlineUnload = reader.name() === 'TRUE'
    reader.end()
    return statusResult('Statement executed successfully.')
  }
  throw notModelled(`ALTER ${reader.peek()?.value}`)
}

/** SET CHANGE_TRACKING on a view turns it on in the tables behind it as well, which its owner must own. */
function alterView(statement: Statement): StatementResult {
  const { reader, world } = statement
  const view = owned(statement, 'VIEW')
  reader.expect('SET', 'CHANGE_TRACKING', '=')
  const isOn = reader.name() === 'TRUE'
  reader.end()
  setTracking(statement, view, isOn)
  if (isOn) for (const table of tablesUnder(world, view as StoredView)) setTracking(statement, table, true)
  return statusResult('Statement executed successfully.')
}

/** Turned off and on again, changes are kept from then on only. */
function setTracking({ world }: Statement, object: StoredTable | StoredView, isOn: boolean): void {
  if (!isOn) object.trackedSince = null
  else object.trackedSince ??= world.transactions.version
}

async function alterTable(statement: Statement): Promise<StatementResult> {
  const { reader, world } = statement
  const table = owned(statement, 'TABLE') as StoredTable
  if (reader.take('SET')) set(statement, table)
  else if (reader.take('ADD', 'PRIMARY', 'KEY')) table.primaryKey = readNames(reader)
  else if (reader.take('ADD')) await addColumn(statement, table)
  else if (reader.take('DROP', 'PRIMARY', 'KEY')) table.primaryKey = []
  else if (reader.take('DROP')) {
    reader.take('COLUMN')
    const { name } = columnOf(table, reader.name())
    table.columns = table.columns.filter((column) => column.name !== name)
  } else if (reader.take('RENAME', 'COLUMN')) {
    const { name } = columnOf(table, reader.name())
    reader.expect('TO')
    const next = reader.name()
    table.columns = table.columns.map((column) => (column.name === name ? { ...column, name: next } : column))
  } else if (reader.take('RENAME', 'TO')) rename(statement, table)
  else if (reader.take('ALTER') || reader.take('MODIFY')) await retype(statement, table)
  else throw notModelled(`ALTER TABLE … ${reader.peek()?.value}`)
  reader.end()
  table.changedAt = world.now()
  return statusResult('Statement executed successfully.')
}

function set(statement: Statement, table: StoredTable): void {
  const { reader } = statement
  while (!reader.done && !reader.is(';')) {
    const option = reader.name()
    reader.expect('=')
    if (option === 'CHANGE_TRACKING') setTracking(statement, table, reader.name() === 'TRUE')
    else if (option === 'DATA_RETENTION_TIME_IN_DAYS') table.retentionDays = Number(reader.next('number').value)
    else if (option === 'MAX_DATA_EXTENSION_TIME_IN_DAYS') table.extensionDays = Number(reader.next('number').value)
    else if (option === 'COMMENT') table.comment = reader.next('string').value
    else throw notModelled(`ALTER TABLE … SET ${option}`)
    reader.take(',')
  }
}

async function addColumn(statement: Statement, table: StoredTable): Promise<void> {
  const { reader, world } = statement
  reader.take('COLUMN')
  const ifNotExists = reader.take('IF', 'NOT', 'EXISTS')
  const { column } = await readColumn(statement, 0)
  if (table.columns.some(({ name }) => name === column.name)) {
    if (ifNotExists) return
    throw alreadyExists(shownName(column.name))
  }
  const added = { ...column, physical: world.engine.newName('C') }
  await world.engine.run(`ALTER TABLE ${table.physical} ADD COLUMN ${columnSql(added)}`)
  table.columns = [...table.columns, added]
}

/** ALTER COLUMN name SET DATA TYPE type, SET NOT NULL, DROP NOT NULL. */
async function retype({ reader, world }: Statement, table: StoredTable): Promise<void> {
  reader.take('COLUMN')
  const { name, physical } = columnOf(table, reader.name())
  let change = {}
  if (reader.take('DROP', 'NOT', 'NULL')) change = { isNullable: true }
  else if (reader.take('SET', 'NOT', 'NULL')) change = { isNullable: false }
  else {
    if (!reader.take('SET', 'DATA', 'TYPE')) reader.expect('TYPE')
    const type = readType(reader)
    change = { type }
    await world.engine.run(
      `ALTER TABLE ${table.physical} ALTER ${columnSql({ name, physical, type, isNullable: true, fallback: null }).replace(' ', ' TYPE ')}`,
    )
  }
  table.columns = table.columns.map((column) => (column.name === name ? { ...column, ...change } : column))
}

function rename({ reader, world, session }: Statement, table: StoredTable): void {
  const { catalog } = world
  const place = catalog.place(session, reader.path())
  const taken = catalog.databases.get(place.database)?.schemas.get(place.schema)?.objects.has(place.name)
  if (taken === true) throw alreadyExists(shownName(place.name))
  if (place.schema !== table.schema || place.database !== table.database) throw notModelled('RENAME to another schema')
  catalog.remove(table)
  table.isDropped = false
  table.name = place.name
  catalog.put(table)
}

function columnOf({ columns }: StoredTable, name: string): StoredTable['columns'][number] {
  const found = columns.find((column) => column.name === name)
  if (found === undefined) throw invalidIdentifier(name)
  return found
}

function owned({ reader, world, session }: Statement, kind: 'TABLE' | 'VIEW'): StoredTable | StoredView {
  reader.take('IF', 'EXISTS')
  const place = world.catalog.place(session, reader.path())
  const found = world.catalog.find(session, place)
  if (found?.kind !== kind) throw notThere(kind === 'TABLE' ? 'Table' : 'View', shownPlace(place))
  if (found.owner !== session.role && session.role !== adminRole) throw noPrivilege(kind, place.name)
  return found
}
