import type { StoredTable, StoredView } from './catalog-objects.ts'
import { literal } from './names.ts'
import { valuesSql } from './result-rows.ts'
import { visibleAt } from './row-versions.ts'
import type { Session } from './session.ts'
import { momentSql } from './session-calls.ts'
import { notModelled, notThere } from './snowflake-error.ts'
import type { World } from './world.ts'

/** SQL for a view of a database's INFORMATION_SCHEMA: what the role may see. */
export function informationSchema(world: World, session: Session, database: string, view: string): string {
  const { catalog } = world
  const { schemas } = catalog.database(session, database)
  const objects = catalog.objectsOf(session).filter((object) => object.database === database)
  const tables = objects.filter((object) => object.kind !== 'STREAM')
  switch (view) {
    case 'SCHEMATA': {
      const seen = [...schemas.values()].filter(
        ({ name, owner }) =>
          owner === session.role || catalog.grants.sees(session.role, 'SCHEMA', `${database}.${name}`),
      )
      const rows = seen.map(({ name, owner, createdAt }) =>
        [database, name, owner].map(literal).concat(momentSql(createdAt)),
      )
      const own = [database, 'INFORMATION_SCHEMA', ''].map(literal).concat(momentSql(0))
      return valuesSql(['CATALOG_NAME', 'SCHEMA_NAME', 'SCHEMA_OWNER', 'CREATED'], [own, ...rows])
    }
    case 'TABLES':
      return valuesSql(tableNames, tables.map(tableRow))
    case 'COLUMNS':
      return valuesSql(columnNames, tables.flatMap(columnRows))
    default:
      throw notModelled(`INFORMATION_SCHEMA.${view}`)
  }
}

const tableNames = [
  'TABLE_CATALOG',
  'TABLE_SCHEMA',
  'TABLE_NAME',
  'TABLE_OWNER',
  'TABLE_TYPE',
  'IS_TRANSIENT',
  'ROW_COUNT',
  'BYTES',
  'RETENTION_TIME',
  'CREATED',
  'LAST_ALTERED',
  'COMMENT',
]

function tableRow(object: StoredTable | StoredView): readonly string[] {
  const { database, schema, name, owner, createdAt, comment } = object
  const isTable = object.kind === 'TABLE'
  const rows = isTable ? `(SELECT count(*) FROM ${object.physical} WHERE ${visibleAt(null, 0)})` : 'NULL'
  const type = !isTable ? 'VIEW' : object.life === 'TEMPORARY' ? 'LOCAL TEMPORARY' : 'BASE TABLE'
  return [
    ...[database, schema, name, owner, type, isTable && object.life === 'TRANSIENT' ? 'YES' : 'NO'].map(literal),
    rows,
    isTable ? `${rows} * 100` : 'NULL',
    isTable ? String(object.retentionDays) : 'NULL',
    momentSql(createdAt),
    momentSql(isTable ? object.changedAt : createdAt),
    literal(comment),
  ]
}

const columnNames = [
  'TABLE_CATALOG',
  'TABLE_SCHEMA',
  'TABLE_NAME',
  'COLUMN_NAME',
  'ORDINAL_POSITION',
  'COLUMN_DEFAULT',
  'IS_NULLABLE',
  'DATA_TYPE',
  'CHARACTER_MAXIMUM_LENGTH',
  'NUMERIC_PRECISION',
  'NUMERIC_SCALE',
  'DATETIME_PRECISION',
  'COMMENT',
]

/** Names of types as the information schema has them. */
const dataTypes: Readonly<Record<string, string>> = { FIXED: 'NUMBER', REAL: 'FLOAT' }

function columnRows(object: StoredTable | StoredView): readonly (readonly string[])[] {
  const { database, schema, name } = object
  return object.columns.map((column, i) => {
    const { type } = column
    const isNumber = type.name === 'FIXED'
    const orNull = (value: number | null) => (value === null ? 'NULL' : String(value))
    return [
      ...[database, schema, name, column.name].map(literal),
      String(i + 1),
      column.fallback === null ? 'NULL' : literal(column.fallback),
      literal(column.isNullable ? 'YES' : 'NO'),
      literal(dataTypes[type.name] ?? type.name),
      orNull(type.length),
      isNumber ? orNull(type.precision) : 'NULL',
      isNumber ? orNull(type.scale) : 'NULL',
      !isNumber ? orNull(type.scale) : 'NULL',
      'NULL',
    ]
  })
}

/** SQL for a table function of INFORMATION_SCHEMA. */
export function informationFunction(world: World, session: Session, path: readonly string[]): string {
  const name = path.at(-1) ?? ''
  if (path.at(-2) !== 'INFORMATION_SCHEMA') throw notThere('Function', name)
  if (!name.startsWith('QUERY_HISTORY')) throw notModelled(name)
  const own = world.history().filter(({ user }) => user === session.user)
  const rows = own.toReversed().map(({ id, sql, user, tag, status, startedAt }) => {
    const texts = [id, sql, user, tag, status].map(literal)
    return [...texts, momentSql(startedAt)]
  })
  return valuesSql(['QUERY_ID', 'QUERY_TEXT', 'USER_NAME', 'QUERY_TAG', 'EXECUTION_STATUS', 'START_TIME'], rows)
}
