import { shownPlace } from './catalog.ts'
import type { Column, StoredTable } from './catalog-objects.ts'
import { readNames } from './create-table.ts'
import { invalidIdentifier } from './error-from-duck.ts'
import { duckIdentifier } from './names.ts'
import { rowsAt } from './row-versions.ts'
import { noPrivilege, notModelled, notThere } from './snowflake-error.ts'
import type { Statement } from './statement.ts'
import { countsResult, type StatementResult, typeIds } from './statement-result.ts'
import { Translator } from './translate.ts'
import { assigned, insertRows, removeRows } from './write-rows.ts'

/** INSERT [OVERWRITE] INTO table [(columns)] VALUES … | query. */
export async function insert(statement: Statement): Promise<StatementResult> {
  const { reader, scope } = statement
  if (reader.take('OVERWRITE')) throw notModelled('INSERT OVERWRITE')
  reader.expect('INTO')
  const table = target(statement, 'INSERT')
  const columns =
    reader.is('(') && !isQuery(statement, 1) ? readNames(reader).map((name) => columnOf(table, name)) : table.columns
  const sql = await new Translator(reader, scope).sql()
  reader.end()
  statement.demandWarehouse()
  statement.takeStreams()
  const rows = await insertRows(statement, table, columns, sql)
  return countsResult({ 'number of rows inserted': rows }, typeIds.insert)
}

function isQuery({ reader }: Statement, ahead: number): boolean {
  return reader.peek(ahead)?.value === 'SELECT' || reader.peek(ahead)?.value === 'WITH'
}

/** DELETE FROM table [WHERE …], and TRUNCATE. */
export async function remove(statement: Statement): Promise<StatementResult> {
  const { reader, scope, transaction } = statement
  reader.expect('FROM')
  const table = target(statement, 'DELETE')
  const alias = aliasOf(statement, table)
  const condition = reader.take('WHERE') ? await new Translator(reader, scope).sql() : 'true'
  reader.end()
  statement.demandWarehouse()
  statement.takeStreams()
  const rows = rowsAt(table, null, transaction.id, '"~RID", ')
  const count = await removeRows(statement, table, `SELECT "~RID" FROM (${rows}) AS ${alias} WHERE ${condition}`)
  return countsResult({ 'number of rows deleted': count }, typeIds.delete)
}

export async function truncate(statement: Statement): Promise<StatementResult> {
  const { reader, transaction } = statement
  reader.take('TABLE')
  const table = target(statement, 'TRUNCATE')
  reader.end()
  await removeRows(statement, table, `SELECT "~RID" FROM (${rowsAt(table, null, transaction.id, '"~RID", ')})`)
  return countsResult({ 'number of rows deleted': 0 }, typeIds.delete)
}

/** UPDATE table SET column = value, … [WHERE …]: rows keep their ids. */
export async function update(statement: Statement): Promise<StatementResult> {
  const { reader, scope, transaction, world } = statement
  const table = target(statement, 'UPDATE')
  const alias = aliasOf(statement, table)
  reader.expect('SET')
  const values = new Map<string, string>()
  const translator = new Translator(reader, scope)
  do {
    const path = reader.path()
    const column = columnOf(table, path.at(-1) ?? '')
    reader.expect('=')
    values.set(column.physical, await translator.value(['WHERE', 'FROM']))
  } while (reader.take(','))
  if (reader.is('FROM')) throw notModelled('UPDATE … FROM')
  const condition = reader.take('WHERE') ? await translator.sql() : 'true'
  reader.end()
  statement.demandWarehouse()
  statement.takeStreams()
  const rows = rowsAt(table, null, transaction.id, '"~RID", ')
  const changed = world.engine.newName('changed')
  const cells = table.columns.map(
    ({ name, physical }) => `${values.get(physical) ?? duckIdentifier(name)} AS ${physical}`,
  )
  await world.engine.run(
    `CREATE TEMP TABLE ${changed} AS SELECT "~RID", ${cells.join(', ')} FROM (${rows}) AS ${alias} WHERE ${condition}`,
  )
  try {
    const count = await removeRows(statement, table, `SELECT "~RID" FROM ${changed}`)
    await putRows(statement, table, changed)
    return countsResult({ 'number of rows updated': count, 'number of multi-joined rows updated': 0 }, typeIds.update)
  } finally {
    await world.engine.run(`DROP TABLE ${changed}`)
  }
}

/** Rows under the ids that they had. */
async function putRows({ world, transaction }: Statement, table: StoredTable, from: string): Promise<void> {
  const names = table.columns.map(({ physical }) => physical)
  const described = await world.engine.read(`SELECT ${names.join(', ')} FROM ${from} LIMIT 0`)
  const types = described.columnTypes().map(String)
  const values = table.columns.map(({ physical, type }, i) => assigned(physical, type, types[i] ?? ''))
  await world.engine.run(
    `INSERT INTO ${table.physical} (${names.join(', ')}, "~RID", "~FROM", "~TO")
     SELECT ${values.join(', ')}, "~RID", ${-transaction.id}, NULL FROM ${from}`,
  )
}

function target({ reader, world, session }: Statement, privilege: string): StoredTable {
  const place = world.catalog.place(session, reader.path())
  const found = world.catalog.find(session, place)
  if (found?.kind !== 'TABLE') throw notThere('Object', shownPlace(place))
  if (!world.catalog.may(session, privilege, found)) throw noPrivilege('table', place.name)
  return found
}

function aliasOf({ reader }: Statement, table: StoredTable): string {
  reader.take('AS')
  const next = reader.peek()
  const hasAlias = next?.kind === 'quoted' || (next?.kind === 'word' && next.value !== 'WHERE' && next.value !== 'SET')
  return duckIdentifier(hasAlias ? reader.name() : table.name)
}

function columnOf({ columns }: StoredTable, name: string): Column {
  const found = columns.find((column) => column.name === name)
  if (found === undefined) throw invalidIdentifier(name)
  return found
}
