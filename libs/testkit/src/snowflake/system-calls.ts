import { pathOf } from './path-of.ts'
import type { Session } from './session.ts'
import { notModelled } from './snowflake-error.ts'
import { streamRows } from './stream-rows.ts'
import type { Transaction } from './transactions.ts'
import type { World } from './world.ts'

/** SYSTEM$ functions that are computed when a query is compiled; null = none of them. */
export async function systemCall(
  world: World,
  session: Session,
  transaction: Transaction | null,
  name: string,
  args: readonly string[],
): Promise<string | null> {
  const { engine, catalog } = world
  if (!name.startsWith('SYSTEM$')) return null
  const argument = args.length === 0 ? '' : String(await engine.value(`SELECT ${args[0]}`))
  if (name === 'SYSTEM$STREAM_HAS_DATA') {
    const stream = catalog.stream(session, catalog.place(session, pathOf(argument)))
    const rows = await streamRows(world, session, transaction, stream)
    return `EXISTS (SELECT 1 FROM (${rows}) AS s)`
  }
  if (name === 'SYSTEM$CANCEL_QUERY') {
    const isFound = world.cancelQuery(argument)
    return isFound ? `'query [${argument}] terminated.'` : `'Identified SQL statement is not currently executing.'`
  }
  throw notModelled(name)
}
