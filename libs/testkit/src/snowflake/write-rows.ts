import { castSql } from './cast.ts'
import type { Column, StoredTable } from './catalog-objects.ts'
import { visibleAt } from './row-versions.ts'
import { SnowflakeError } from './snowflake-error.ts'
import type { Statement } from './statement.ts'
import type { SnowflakeType } from './types.ts'
import { duckTypeOf } from './types.ts'

/** Writes the rows of a query into columns of a table, under the transaction; gives how many they are. */
export async function insertRows(
  statement: Statement,
  table: StoredTable,
  columns: readonly Column[],
  query: string,
): Promise<number> {
  const { world, transaction } = statement
  world.transactions.lock(transaction, table)
  const cells = columns.map((_, i) => `c${i}`).join(', ')
  const described = await world.engine.read(`SELECT * FROM (${query}) LIMIT 0`)
  const types = described.columnTypes().map(String)
  if (types.length !== columns.length)
    throw new SnowflakeError(
      '002057',
      '42000',
      `SQL compilation error:\nInsert value list does not match column list expecting ${columns.length} but got ${types.length}`,
    )
  const values = columns.map(({ type }, i) => assigned(`c${i}`, type, types[i] as string)).join(', ')
  const into = columns.map(({ physical }) => physical).join(', ')
  const rows = await world.engine.run(
    `INSERT INTO ${table.physical} (${into}, "~RID", "~FROM", "~TO")
     SELECT ${values}, nextval('row_ids'), ${-transaction.id}, NULL FROM (${query}) AS q(${cells})`,
  )
  await checkNulls(statement, table)
  return rows
}

/** Takes rows away under the transaction; `ids` is a query of their hidden ids. Gives how many they are. */
export async function removeRows({ world, transaction }: Statement, table: StoredTable, ids: string): Promise<number> {
  world.transactions.lock(transaction, table)
  const mine = -transaction.id
  return await world.engine.run(
    `UPDATE ${table.physical} SET "~TO" = ${mine} WHERE "~RID" IN (${ids}) AND ${visibleAt(null, transaction.id)}`,
  )
}

async function checkNulls({ world, transaction }: Statement, table: StoredTable): Promise<void> {
  const needed = table.columns.filter(({ isNullable }) => !isNullable)
  if (needed.length === 0) return
  const isNull = needed.map(({ physical }) => `${physical} IS NULL`).join(' OR ')
  const found = await world.engine.value(
    `SELECT count(*) FROM ${table.physical} WHERE "~FROM" = ${-transaction.id} AND (${isNull})`,
  )
  if (Number(found) > 0) throw new SnowflakeError('100072', '22000', 'NULL result in a non-nullable column')
}

/** A value as a column of this type takes it; one of the same kind as it is. */
export function assigned(cell: string, type: SnowflakeType, duckType: string): string {
  const wanted = duckTypeOf(type)
  if (wanted === duckType) return cell
  if (type.name === 'FIXED' && /^(DECIMAL|U?(TINY|SMALL|BIG|HUGE)?INT)/.test(duckType))
    return `CAST(${cell} AS ${wanted})`
  if (type.name === 'REAL' && /^(DECIMAL|DOUBLE|U?(TINY|SMALL|BIG|HUGE)?INT)/.test(duckType))
    return `CAST(${cell} AS DOUBLE)`
  return castSql(cell, type)
}
