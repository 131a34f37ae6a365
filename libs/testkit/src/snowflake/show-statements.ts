import { shownPlace } from './catalog.ts'
import type { StoredObject, StoredStream, StoredTable, StoredView } from './catalog-objects.ts'
import { literal } from './names.ts'
import { valuesSql } from './result-rows.ts'
import { momentSql } from './session-calls.ts'
import { notModelled, notThere } from './snowflake-error.ts'
import type { Statement } from './statement.ts'
import { type StatementResult, typeIds } from './statement-result.ts'
import { sourceOf, staleAfter } from './stream-rows.ts'
import { shownType } from './types.ts'

/** LIKE, IN, STARTS WITH and LIMIT of SHOW. */
type Filter = {
  readonly isLike: (name: string) => boolean
  readonly isIn: (object: { readonly database: string; readonly schema: string; readonly name: string }) => boolean
  readonly limit: number
}

type Table = { readonly names: readonly string[]; readonly rows: readonly (readonly string[])[] }

export function show(statement: Statement): StatementResult {
  const { reader } = statement
  reader.take('TERSE')
  const what = reader.take('PRIMARY', 'KEYS') ? 'PRIMARY KEYS' : reader.name()
  const filter = readFilter(statement)
  reader.end()
  const { names, rows } = tableOf(statement, what, filter)
  return { sql: valuesSql(names, rows.slice(0, filter.limit)), typeId: typeIds.show }
}

function tableOf(statement: Statement, what: string, filter: Filter): Table {
  const { world, session } = statement
  const objects = world.catalog.objectsOf(session).filter((object) => filter.isLike(object.name) && filter.isIn(object))
  switch (what) {
    case 'STREAMS':
      return streams(
        statement,
        objects.filter((object) => object.kind === 'STREAM'),
      )
    case 'TABLES':
      return tables(objects.filter((object) => object.kind === 'TABLE'))
    case 'VIEWS':
      return views(objects.filter((object) => object.kind === 'VIEW'))
    case 'COLUMNS':
      return columns(world.catalog.objectsOf(session).filter(filter.isIn))
    case 'PRIMARY KEYS':
      return primaryKeys(objects.filter((object) => object.kind === 'TABLE'))
    case 'WAREHOUSES':
      return warehouses(statement, filter)
    case 'PARAMETERS':
      return parameters(statement, filter)
    case 'SCHEMAS':
    case 'DATABASES':
      return places(statement, what, filter)
    default:
      throw notModelled(`SHOW ${what}`)
  }
}

function readFilter({ reader, world, session }: Statement): Filter {
  let isLike = (_: string) => true
  let path: readonly string[] = []
  let limit = 10_000
  while (!reader.done && !reader.is(';')) {
    if (reader.take('LIKE')) {
      const pattern = reader.next('string').value
      const form = pattern
        .replace(/[.*+?^${}()|[\]]/g, '\\$&')
        .replaceAll('%', '.*')
        .replaceAll(/(?<!\\)_/g, '.')
        .replaceAll('\\_', '_')
      const test = new RegExp(`^${form}$`, 'is')
      isLike = (name) => test.test(name)
    } else if (reader.take('STARTS', 'WITH')) {
      const start = reader.next('string').value
      const before = isLike
      isLike = (name) => before(name) && name.startsWith(start)
    } else if (reader.take('IN')) {
      const isKind = ['ACCOUNT', 'DATABASE', 'SCHEMA', 'TABLE', 'VIEW', 'WAREHOUSE', 'SESSION'].find((kind) =>
        reader.take(kind),
      )
      if (isKind === 'TABLE' || isKind === 'VIEW') {
        const place = world.catalog.place(session, reader.path())
        if (world.catalog.find(session, place) === null) throw notThere('Table', shownPlace(place))
        path = [place.database, place.schema, place.name]
      } else if (isKind !== 'ACCOUNT' && !reader.done && isKind !== 'SESSION') {
        const given = reader.path()
        if (isKind === 'DATABASE' || isKind === 'WAREHOUSE') path = given
        else path = given.length === 1 ? [session.database ?? '', ...given] : given
        if (isKind !== 'WAREHOUSE') world.catalog.database(session, path[0] ?? '')
        if (isKind !== 'WAREHOUSE' && path[1] !== undefined) world.catalog.schema(session, path[0] ?? '', path[1])
      }
    } else if (reader.take('LIMIT')) limit = Number(reader.next('number').value)
    else throw reader.unexpected()
  }
  const isIn: Filter['isIn'] = ({ database, schema, name }) =>
    [database, schema, name].every((part, i) => path[i] === undefined || path[i] === part)
  return { isLike, isIn, limit }
}

const yes = (value: boolean) => literal(value ? 'Y' : 'N')

function streams({ world }: Statement, found: readonly StoredStream[]): Table {
  const names =
    'created_on name database_name schema_name owner comment table_name source_type base_tables type stale mode stale_after invalid_reason owner_role_type'
  const rows = found.map((stream) => {
    const { createdAt, name, database, schema, owner, comment, sourceKind, mode } = stream
    const source = sourceOf(world, stream)
    const after = source === null ? stream.offsetAt : staleAfter(world, stream, source)
    const isStale = source === null || after <= world.now()
    const place = shownPlace(stream.source)
    return [
      momentSql(createdAt),
      ...[name, database, schema, owner, comment, place].map(literal),
      literal(sourceKind === 'TABLE' ? 'Table' : 'View'),
      literal(place),
      literal('DELTA'),
      literal(isStale ? 'true' : 'false'),
      literal(mode),
      momentSql(after),
      literal(source === null ? 'Base table dropped' : 'N/A'),
      literal('ROLE'),
    ]
  })
  return { names: names.split(' '), rows }
}

function tables(found: readonly StoredTable[]): Table {
  const names = 'created_on name database_name schema_name kind comment owner retention_time change_tracking'
  const kinds = { PERMANENT: 'TABLE', TRANSIENT: 'TRANSIENT', TEMPORARY: 'TEMPORARY' }
  const rows = found.map((table) => [
    momentSql(table.createdAt),
    ...[table.name, table.database, table.schema, kinds[table.life], table.comment, table.owner].map(literal),
    literal(String(table.retentionDays)),
    literal(table.trackedSince === null ? 'OFF' : 'ON'),
  ])
  return { names: names.split(' '), rows }
}

function views(found: readonly StoredView[]): Table {
  const names = 'created_on name database_name schema_name owner comment text is_secure change_tracking'
  const rows = found.map((view) => [
    momentSql(view.createdAt),
    ...[view.name, view.database, view.schema, view.owner, view.comment, view.query].map(literal),
    literal(String(view.isSecure)),
    literal(view.trackedSince === null ? 'OFF' : 'ON'),
  ])
  return { names: names.split(' '), rows }
}

function columns(found: readonly StoredObject[]): Table {
  const names = 'table_name schema_name column_name data_type null? default kind database_name'
  const rows = found.flatMap((object) =>
    object.kind === 'STREAM'
      ? []
      : object.columns.map(({ name, type, isNullable }) => [
          ...[object.name, object.schema, name].map(literal),
          literal(JSON.stringify({ type: type.name, ...type, name: undefined, nullable: isNullable })),
          literal(isNullable ? 'true' : 'NOT_NULL'),
          literal(''),
          literal('COLUMN'),
          literal(object.database),
        ]),
  )
  return { names: names.split(' '), rows }
}

function primaryKeys(found: readonly StoredTable[]): Table {
  const names = 'created_on database_name schema_name table_name column_name key_sequence constraint_name rely comment'
  const rows = found.flatMap((table) =>
    table.primaryKey.map((column, i) => [
      momentSql(table.createdAt),
      ...[table.database, table.schema, table.name, column].map(literal),
      String(i + 1),
      literal(`SYS_CONSTRAINT_${table.id}`),
      literal('false'),
      'NULL',
    ]),
  )
  return { names: names.split(' '), rows }
}

function warehouses({ world, session }: Statement, { isLike }: Filter): Table {
  const { catalog } = world
  const names = 'name state type size auto_suspend auto_resume resource_monitor created_on is_current'
  const seen = [...catalog.warehouses.values()].filter(
    ({ name }) => isLike(name) && catalog.grants.sees(session.role, 'WAREHOUSE', name),
  )
  const rows = seen.map(({ name, state, autoResume, exhaustedMonitor, createdAt }) => [
    ...[name, state, 'STANDARD', 'X-Small', '60', String(autoResume), exhaustedMonitor ?? 'null'].map(literal),
    momentSql(createdAt),
    yes(session.warehouse === name),
  ])
  return { names: names.split(' '), rows }
}

const defaults: Readonly<Record<string, string>> = {
  TIMEZONE: 'UTC',
  STATEMENT_TIMEOUT_IN_SECONDS: '172800',
  DATA_RETENTION_TIME_IN_DAYS: '1',
  MAX_DATA_EXTENSION_TIME_IN_DAYS: '14',
  QUERY_TAG: '',
}

function parameters({ world, session }: Statement, { isLike }: Filter): Table {
  const all = new Map([
    ...Object.entries({ ...defaults, PREVENT_UNLOAD_TO_INLINE_URL: String(world.preventInlineUnload) }),
    ...session.parameters,
  ])
  const rows = [...all]
    .filter(([key]) => isLike(key))
    .map(([key, value]) => [key, value, defaults[key] ?? '', session.parameters.has(key) ? 'SESSION' : ''].map(literal))
  return { names: ['key', 'value', 'default', 'level'], rows }
}

function places({ world, session }: Statement, what: string, { isLike, isIn }: Filter): Table {
  const { catalog } = world
  const { grants } = catalog
  const databases = [...catalog.databases.values()].filter(
    ({ name, owner }) => owner === session.role || grants.sees(session.role, 'DATABASE', name),
  )
  if (what === 'DATABASES') {
    const seen = databases.filter(({ name }) => isLike(name))
    return {
      names: ['created_on', 'name', 'owner'],
      rows: seen.map(({ createdAt, name, owner }) => [momentSql(createdAt), literal(name), literal(owner)]),
    }
  }
  const rows = databases.flatMap((database) =>
    [...database.schemas.values()]
      .filter(
        ({ name, owner }) => owner === session.role || grants.sees(session.role, 'SCHEMA', `${database.name}.${name}`),
      )
      .filter(({ name }) => isLike(name) && isIn({ database: database.name, schema: name, name: '' }))
      .map(({ createdAt, name, owner }) => [momentSql(createdAt), ...[name, database.name, owner].map(literal)]),
  )
  return { names: ['created_on', 'name', 'database_name', 'owner'], rows }
}

/** DESCRIBE TABLE | VIEW | STREAM name. */
export function describe({ reader, world, session }: Statement): StatementResult {
  const kind = reader.name()
  const place = world.catalog.place(session, reader.path())
  reader.end()
  const found = world.catalog.find(session, place)
  if (found === null || found.kind !== kind)
    throw notThere(kind.slice(0, 1) + kind.slice(1).toLowerCase(), shownPlace(place))
  if (found.kind === 'STREAM') throw notModelled('DESCRIBE STREAM')
  const keys = found.kind === 'TABLE' ? found.primaryKey : []
  const rows = found.columns.map(({ name, type, isNullable, fallback }) => [
    literal(name),
    literal(shownType(type)),
    literal('COLUMN'),
    yes(isNullable),
    fallback === null ? 'NULL' : literal(fallback),
    yes(keys.includes(name)),
    literal('N'),
  ])
  return {
    sql: valuesSql(['name', 'type', 'kind', 'null?', 'default', 'primary key', 'unique key'], rows),
    typeId: typeIds.show,
  }
}
