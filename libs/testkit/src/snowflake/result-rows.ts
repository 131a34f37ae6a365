import type { DuckDBType } from '@duckdb/node-api'
import type { Engine } from './engine.ts'
import { duckIdentifier, nameFromDuck } from './names.ts'
import { type SnowflakeType, typeFromDuck } from './types.ts'

export type ResultColumn = { readonly name: string; readonly type: SnowflakeType; readonly isNullable: boolean }

/** A result as it is kept: every row a JSON array of texts in a table of DuckDB's, numbered from 1. */
export type KeptResult = {
  readonly columns: readonly ResultColumn[]
  readonly rows: number
  /** null = no row. */
  readonly table: string | null
}

/** Runs a query and keeps its rows, encoded by DuckDB itself. Only within the engine's turn. */
export async function keepRows(engine: Engine, query: string): Promise<KeptResult> {
  const described = await engine.read(`SELECT * FROM (${query}) LIMIT 0`)
  const types = described.columnTypes()
  const columns = described.columnNames().map((name, i) => ({
    name: nameFromDuck(name),
    type: typeFromDuck(types[i] as DuckDBType),
    isNullable: true,
  }))
  const table = engine.newName('result')
  const cells = columns.map((_, i) => `c${i}`)
  const texts = columns.map(({ type }, i) => encodedSql(`c${i}`, type))
  await engine.run(
    `CREATE TABLE ${table} AS SELECT row_number() OVER () AS i, CAST(to_json([${texts.join(', ')}]) AS VARCHAR) AS line
     FROM (${query}) AS q(${cells.join(', ')})`,
  )
  const rows = Number(await engine.value(`SELECT count(*) FROM ${table}`))
  return { columns, rows, table }
}

/** Rows of a result (from, to] as JSON arrays joined by commas. Only within the engine's turn. */
export async function rowsText(engine: Engine, { table }: KeptResult, from: number, to: number): Promise<string> {
  if (table === null || from >= to) return ''
  const sql = `SELECT string_agg(line, ',' ORDER BY i) FROM ${table} WHERE i > ${from} AND i <= ${to}`
  return (await engine.value(sql)) as string
}

/** A result of a few values that were not computed by SQL. */
export function valuesSql(names: readonly string[], rows: readonly (readonly string[])[]): string {
  const columns = names.map(duckIdentifier)
  if (rows.length > 0)
    return `SELECT * FROM (VALUES ${rows.map((row) => `(${row.join(', ')})`).join(', ')}) AS v(${columns.join(', ')})`
  return `SELECT ${columns.map((name) => `CAST(NULL AS VARCHAR) AS ${name}`).join(', ')} WHERE false`
}

/**
 * The texts by which values stand in JSON results: booleans 1 and 0, dates as days, times and moments as seconds with nine
 * digits behind the point, TIMESTAMP_TZ followed by its offset in minutes plus 1440.
 */
function encodedSql(cell: string, { name }: SnowflakeType): string {
  switch (name) {
    case 'BOOLEAN':
      return `CASE ${cell} WHEN true THEN '1' WHEN false THEN '0' END`
    case 'DATE':
      return `CAST(date_diff('day', DATE '1970-01-01', ${cell}) AS VARCHAR)`
    case 'TIME':
    case 'TIMESTAMP_NTZ':
    case 'TIMESTAMP_LTZ':
      return secondsSql(`epoch_us(${cell})`)
    case 'TIMESTAMP_TZ':
      return `${secondsSql(`epoch_us(${cell}.utc)`)} || ' ' || CAST(${cell}.off + 1440 AS VARCHAR)`
    case 'BINARY':
      return `hex(${cell})`
    case 'ARRAY':
      return `CAST(${cell}.arr AS VARCHAR)`
    case 'OBJECT':
      return `CAST(${cell}.obj AS VARCHAR)`
    case 'REAL':
      return `replace(replace(replace(CAST(${cell} AS VARCHAR), 'infinity', 'inf'), 'Infinity', 'inf'), 'nan', 'NaN')`
    default:
      return `CAST(${cell} AS VARCHAR)`
  }
}

/** Microseconds as seconds with nine digits: -1 is -0.000001000. */
function secondsSql(micros: string): string {
  return `CAST(CAST(${micros} AS DECIMAL(20, 0)) * CAST(0.000001000 AS DECIMAL(10, 9)) AS VARCHAR)`
}
