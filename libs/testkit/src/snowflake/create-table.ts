import type { DuckDBType } from '@duckdb/node-api'
import { castSql } from './cast.ts'
import { placeKey } from './catalog.ts'
import type { Column, ObjectPlace, StoredObject, StoredTable } from './catalog-objects.ts'
import { nameFromDuck, shownName } from './names.ts'
import { compilationError, notModelled, SnowflakeError } from './snowflake-error.ts'
import type { Statement } from './statement.ts'
import { type StatementResult, statusResult, typeIds } from './statement-result.ts'
import type { TokenReader } from './tokens.ts'
import { Translator } from './translate.ts'
import { duckTypeOf, readType, typeFromDuck } from './types.ts'
import { insertRows } from './write-rows.ts'

type Life = StoredTable['life']

/** What CREATE TABLE may say behind the columns. */
type TableOptions = { tracked: boolean; retentionDays: number; extensionDays: number; comment: string }

/** CREATE [OR REPLACE] [TRANSIENT | TEMPORARY] TABLE [IF NOT EXISTS] name (columns) | AS query | CLONE other. */
export async function createTable(statement: Statement, replaces: boolean, life: Life): Promise<StatementResult> {
  const { reader, world, session } = statement
  const ifNotExists = reader.take('IF', 'NOT', 'EXISTS')
  const place = world.catalog.place(session, reader.path())
  const { name } = place
  const schema = world.catalog.schema(session, place.database, place.schema)
  if (ifNotExists && schema.objects.has(name))
    return statusResult(`${shownName(name)} already exists, statement succeeded.`)
  const old = replaces ? world.catalog.find(session, place) : null
  if (old?.kind === 'TABLE') world.catalog.remove(old)
  try {
    world.catalog.demandPlace(session, place, 'CREATE TABLE')
    return await made(statement, place, life, old === null ? () => undefined : () => dropGrants(statement, old))
  } catch (error) {
    if (old?.kind === 'TABLE') {
      old.isDropped = false
      world.catalog.put(old)
    }
    throw error
  }
}

/** What was granted on a table does not hold for the one that takes its place. */
function dropGrants({ world }: Statement, old: StoredObject): void {
  world.catalog.grants.forget(old.kind, placeKey(old))
}

async function made(
  statement: Statement,
  place: ObjectPlace,
  life: Life,
  beforeAdded: () => void,
): Promise<StatementResult> {
  const { reader } = statement
  const defined = reader.take('(') ? await readColumns(statement) : { columns: [], primaryKey: [] }
  const options = readOptions(reader)
  if (reader.take('AS')) return await createAs(statement, place, { life, options, named: defined.columns, beforeAdded })
  reader.end()
  if (defined.columns.length === 0) throw compilationError('A table has columns.')
  const table = newTable(statement, place, life, options, defined)
  await makePhysical(statement, table)
  beforeAdded()
  statement.world.catalog.add(table)
  return statusResult(`Table ${shownName(place.name)} successfully created.`)
}

async function createAs(
  statement: Statement,
  place: ObjectPlace,
  {
    life,
    options,
    named,
    beforeAdded,
  }: { life: Life; options: TableOptions; named: readonly Column[]; beforeAdded: () => void },
): Promise<StatementResult> {
  const { world, reader } = statement
  const scope = statement.scope
  const sql = await new Translator(reader, scope).sql()
  reader.end()
  statement.demandWarehouse()
  statement.takeStreams()
  const described = await world.engine.read(`SELECT * FROM (${sql}) LIMIT 0`)
  const types = described.columnTypes()
  const columns = described.columnNames().map((name, i) => ({
    name: named[i]?.name ?? nameFromDuck(name),
    physical: `"C${i}"`,
    type: named[i]?.type ?? typeFromDuck(types[i] as DuckDBType),
    isNullable: true,
    fallback: null,
  }))
  if (new Set(columns.map(({ name }) => name)).size < columns.length)
    throw new SnowflakeError('002025', '42710', 'SQL compilation error:\nduplicate column name')
  const table = newTable(statement, place, life, options, { columns, primaryKey: [] })
  await makePhysical(statement, table)
  try {
    await insertRows(statement, table, columns, sql)
  } catch (error) {
    await world.engine.run(`DROP TABLE ${table.physical}`)
    table.isDropped = true
    throw error
  }
  beforeAdded()
  world.catalog.add(table)
  return { ...statusResult(`Table ${shownName(place.name)} successfully created.`), typeId: typeIds.ddl }
}

function newTable(
  { world, session }: Statement,
  { database, schema, name }: ObjectPlace,
  life: Life,
  options: TableOptions,
  { columns, primaryKey }: Pick<StoredTable, 'columns' | 'primaryKey'>,
): StoredTable {
  const { catalog, transactions, engine, now } = world
  const createdAt = catalog.created(now())
  return {
    kind: 'TABLE',
    database,
    schema,
    name,
    owner: session.role,
    createdAt,
    comment: options.comment,
    id: catalog.newId(),
    physical: engine.newName('table'),
    columns,
    primaryKey,
    life,
    sessionId: life === 'TEMPORARY' ? session.id : null,
    trackedSince: options.tracked ? transactions.version : null,
    retentionDays: life === 'PERMANENT' ? options.retentionDays : Math.min(1, options.retentionDays),
    extensionDays: options.extensionDays,
    createdVersion: transactions.version,
    changedAt: createdAt,
    isDropped: false,
  }
}

async function makePhysical({ world }: Statement, table: StoredTable): Promise<void> {
  const columns = table.columns.map(columnSql).join(', ')
  const hidden = `"~RID" BIGINT DEFAULT nextval('row_ids'), "~FROM" BIGINT, "~TO" BIGINT`
  await world.engine.run(`CREATE TABLE ${table.physical} (${columns}, ${hidden})`)
}

export function columnSql({ physical, type, fallback }: Column): string {
  return `${physical} ${duckTypeOf(type)}${fallback === null ? '' : ` DEFAULT ${fallback}`}`
}

async function readColumns(statement: Statement): Promise<Pick<StoredTable, 'columns' | 'primaryKey'>> {
  const { reader } = statement
  const columns: Column[] = []
  let primaryKey: string[] = []
  do {
    if (reader.take('CONSTRAINT')) reader.name()
    if (reader.take('PRIMARY', 'KEY')) primaryKey = readNames(reader)
    else if (reader.take('UNIQUE')) readNames(reader)
    else {
      const read = await readColumn(statement, columns.length)
      columns.push(read.column)
      if (read.isKey) primaryKey.push(read.column.name)
    }
  } while (reader.take(','))
  reader.expect(')')
  return { columns, primaryKey }
}

/** A column's definition: name, type, NOT NULL, DEFAULT, PRIMARY KEY, COMMENT. */
export async function readColumn(
  { reader, scope }: Statement,
  index: number,
): Promise<{ readonly column: Column; readonly isKey: boolean }> {
  const name = reader.name()
  const type = readType(reader)
  let isNullable = true
  let isKey = false
  let fallback: string | null = null
  for (;;) {
    if (reader.take('NOT', 'NULL')) isNullable = false
    else if (reader.take('NULL')) isNullable = true
    else if (reader.take('PRIMARY', 'KEY')) isKey = true
    else if (reader.take('UNIQUE')) continue
    else if (reader.take('COMMENT')) reader.next('string')
    else if (reader.take('DEFAULT')) {
      if (reader.is('NULL')) reader.take('NULL')
      else fallback = castSql(await new Translator(reader, scope).single(), type)
    } else if (reader.is('AUTOINCREMENT') || reader.is('IDENTITY')) throw notModelled('AUTOINCREMENT')
    else break
  }
  return { column: { name, physical: `"C${index}"`, type, isNullable: isNullable && !isKey, fallback }, isKey }
}

export function readNames(reader: TokenReader): string[] {
  reader.expect('(')
  const names = [reader.name()]
  while (reader.take(',')) names.push(reader.name())
  reader.expect(')')
  return names
}

function readOptions(reader: TokenReader): TableOptions {
  const options = { tracked: false, retentionDays: 1, extensionDays: 14, comment: '' }
  for (;;) {
    if (reader.take('CHANGE_TRACKING', '=')) options.tracked = reader.name() === 'TRUE'
    else if (reader.take('DATA_RETENTION_TIME_IN_DAYS', '='))
      options.retentionDays = Number(reader.next('number').value)
    else if (reader.take('MAX_DATA_EXTENSION_TIME_IN_DAYS', '='))
      options.extensionDays = Number(reader.next('number').value)
    else if (reader.take('COMMENT', '=')) options.comment = reader.next('string').value
    else return options
  }
}
