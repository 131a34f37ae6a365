import { alter } from './alter-statements.ts'
import { insert, remove, truncate, update } from './change-rows.ts'
import { copyInto } from './copy-into.ts'
import { create, drop } from './create-statements.ts'
import { grant } from './grant-statements.ts'
import { type KeptResult, keepRows } from './result-rows.ts'
import type { Session } from './session.ts'
import { use } from './session-statements.ts'
import { describe, show } from './show-statements.ts'
import { notModelled } from './snowflake-error.ts'
import { Statement } from './statement.ts'
import { type StatementResult, statusResult, typeIds } from './statement-result.ts'
import { Translator } from './translate.ts'
import type { World } from './world.ts'

export type StatementText = { readonly sql: string; readonly binds: readonly string[]; readonly isInternal: boolean }

/** A result and what kind of statement gave it. */
export type RunResult = { readonly kept: KeptResult; readonly typeId: number }

/**
 * Runs one statement. Outside BEGIN … COMMIT it is a transaction of its own; DDL commits an open one first. Only within the
 * engine's turn. Throws `SnowflakeError`, or `LockedError` when another transaction must end before.
 */
export async function runStatement(world: World, session: Session, text: StatementText): Promise<RunResult> {
  const { transactions, engine } = world
  const control = await controlled(world, session, text.sql)
  if (control !== null) return { kept: await keepRows(engine, control.sql), typeId: control.typeId }
  if (session.transaction !== null && /^\s*(CREATE|ALTER|DROP)\b(?!\s+SESSION)/i.test(text.sql)) {
    await transactions.commit(session.transaction)
    session.transaction = null
  }
  const transaction = session.transaction ?? transactions.begin(false)
  try {
    const statement = new Statement(world, session, transaction, text)
    const { sql, typeId } = await statementResult(statement)
    const kept = await keepRows(engine, sql)
    if (session.transaction === null) await transactions.commit(transaction)
    return { kept, typeId }
  } catch (error) {
    if (session.transaction === null) await transactions.rollback(transaction)
    throw error
  }
}

async function controlled(world: World, session: Session, sql: string): Promise<StatementResult | null> {
  const { transactions } = world
  const word = /^\s*(BEGIN|START\s+TRANSACTION|COMMIT|ROLLBACK)\b/i.exec(sql)?.[1]?.toUpperCase()
  if (word === undefined) return null
  const open = session.transaction
  if (word === 'COMMIT' || word === 'ROLLBACK') {
    session.transaction = null
    if (open !== null) await (word === 'COMMIT' ? transactions.commit(open) : transactions.rollback(open))
  } else session.transaction ??= transactions.begin(true)
  return statusResult('Statement executed successfully.', typeIds.begin)
}

async function statementResult(statement: Statement): Promise<StatementResult> {
  const { reader } = statement
  if (reader.is('SELECT') || reader.is('WITH') || reader.is('(')) return await query(statement)
  if (reader.take('CREATE')) return await create(statement)
  if (reader.take('DROP')) return await drop(statement)
  if (reader.take('ALTER')) return await alter(statement)
  if (reader.take('INSERT')) return await insert(statement)
  if (reader.take('DELETE')) return await remove(statement)
  if (reader.take('UPDATE')) return await update(statement)
  if (reader.take('TRUNCATE')) return await truncate(statement)
  if (reader.take('USE')) return use(statement)
  if (reader.take('SHOW')) return show(statement)
  if (reader.take('DESCRIBE') || reader.take('DESC')) return describe(statement)
  if (reader.take('GRANT')) return grant(statement, true)
  if (reader.take('REVOKE')) return grant(statement, false)
  if (reader.take('COPY', 'INTO')) return copyInto(statement)
  if (reader.is('MERGE') || reader.is('CALL') || reader.is('EXPLAIN')) throw notModelled(reader.name())
  throw reader.unexpected()
}

async function query(statement: Statement): Promise<StatementResult> {
  const sql = await new Translator(statement.reader, statement.scope).sql()
  statement.reader.end()
  if (statement.scope.readsRows) statement.demandWarehouse()
  return { sql, typeId: typeIds.select }
}
