import { lstat, realpath } from 'node:fs/promises'
import type { Value } from '../row-of-values.ts'
import { shown } from '../shown.ts'
import { SmallTable } from '../small-table.ts'
import type { TableRef } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'

const fileBytesMax = 64 * 1024 * 1024
const cellsMax = 1_000_000
const rules = `header = true, delim = ',', quote = '"', escape = '"', sample_size = -1, allow_quoted_nulls = false, auto_type_candidates = ['TIMESTAMP', 'VARCHAR']`

/**
 * All rows of a file. A column of which every value is a time is one of times; everything else is the text that stands in the
 * file, so nothing is rounded. Throws `pin_lost` when the file has another version than `pin`, or is replaced meanwhile.
 */
export async function readCsv(folder: string, table: TableRef, pin: string | null = null) {
  const { file, version } = await fileOf(folder, table)
  const { DuckDBInstance } = await import('@duckdb/node-api')
  const database = await DuckDBInstance.create(':memory:', { threads: '1', memory_limit: '512MB' })
  const connection = await database.connect()
  const rowsOf = async (sql: string) => (await connection.runAndReadAll(sql)).getRowsJS() as Value[][]
  try {
    await connection.run(`CREATE TABLE t AS FROM read_csv('${file.replaceAll("'", "''")}', ${rules})`)
    const columns = (await rowsOf('DESCRIBE t')).map(([name, type]) => columnOf(String(name), String(type)))
    const values = columns.map(({ type }, i) => (type === 'timestamp' ? `epoch_us(#${i + 1})` : `#${i + 1}`))
    const rows = await rowsOf(`SELECT ${values} FROM t LIMIT ${Math.floor(cellsMax / columns.length) + 1}`)
    if (rows.length * columns.length > cellsMax) throw new Error('too many cells')
    if (version === (pin ?? version) && version === (await fileOf(folder, table)).version)
      return {
        version,
        table: new SmallTable({ table: `${table.schema}.${table.name}`, kind: 'table', columns, key: [] }, rows),
      }
  } catch (cause) {
    const hint = `Is it CSV with a line of names, and of at most ${cellsMax} cells?`
    throw new WarehouseError('query_failed', `${shown(table)} cannot be read.`, hint, { cause })
  } finally {
    connection.closeSync()
    database.closeSync()
  }
  throw new WarehouseError('pin_lost', `${shown(table)} was replaced while it was read.`, 'It is read anew.')
}

function columnOf(name: string, sourceType: string) {
  return { name, sourceType, type: sourceType === 'TIMESTAMP' ? 'timestamp' : 'string', nullable: true } as const
}

/** Neither names that lead out of the folder nor links are files of it. */
async function fileOf(folder: string, table: TableRef) {
  const file = `${await realpath(folder).catch(() => folder)}/${table.name}.csv`
  const found = /^[A-Za-z0-9_-]{1,100}$/.test(table.name) ? await lstat(file, { bigint: true }).catch(() => null) : null
  if (!found?.isFile() || found.size > fileBytesMax)
    throw new WarehouseError('table_not_found', `${shown(table)} is no file of at most 64 MB.`, 'Move it there.')
  return { file, version: [found.ino, found.size, found.mtimeNs, found.ctimeNs].join(' ') }
}
