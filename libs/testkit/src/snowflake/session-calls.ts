import { literal } from './names.ts'
import type { Session } from './session.ts'
import { notModelled } from './snowflake-error.ts'
import type { World } from './world.ts'

const or = (value: string | null) => (value === null ? 'CAST(NULL AS VARCHAR)' : literal(value))

/** The moment of a statement as TIMESTAMP_LTZ. */
export function momentSql(at: number): string {
  return `CAST(${literal(new Date(at).toISOString())} AS TIMESTAMPTZ)`
}

/** Functions whose value the session knows; null = none of them. */
export function sessionCall(world: World, session: Session, name: string): string | null {
  switch (name) {
    case 'CURRENT_ROLE':
      return literal(session.role)
    case 'CURRENT_USER':
      return literal(session.user)
    case 'CURRENT_WAREHOUSE':
      return or(session.warehouse)
    case 'CURRENT_DATABASE':
      return or(session.database)
    case 'CURRENT_SCHEMA':
      return or(session.schema)
    case 'CURRENT_ACCOUNT':
      return literal(world.account)
    case 'CURRENT_SESSION':
      return literal(String(session.id))
    case 'CURRENT_REGION':
      return literal('AWS_EU_CENTRAL_1')
    case 'CURRENT_VERSION':
      return literal('9.0.0')
    case 'CURRENT_TRANSACTION':
      return or(session.transaction === null ? null : String(session.transaction.id))
    case 'LAST_QUERY_ID':
      return or(session.lastQueryId)
    case 'CURRENT_TIMESTAMP':
    case 'SYSDATE':
    case 'LOCALTIMESTAMP':
    case 'GETDATE':
      return momentSql(world.now())
    case 'CURRENT_DATE':
      return `CAST(${momentSql(world.now())} AS DATE)`
    default:
      if (name.startsWith('SYSTEM$')) throw notModelled(name)
      return null
  }
}
