import type { StoredObject } from './catalog-objects.ts'
import { pathOf } from './path-of.ts'
import type { TravelPoint } from './scope.ts'
import type { Session } from './session.ts'
import { notModelled, SnowflakeError } from './snowflake-error.ts'
import type { World } from './world.ts'

/** The version of an object that AT or BEFORE names: https://docs.snowflake.com/en/sql-reference/constructs/at-before */
export async function travelVersion(
  world: World,
  session: Session,
  { kind, isBefore, sql }: TravelPoint,
  object: StoredObject,
): Promise<number> {
  const { engine, transactions, now, catalog } = world
  if (kind === 'VERSION') return Number(sql)
  if (kind === 'STREAM') {
    const name = String(await engine.value(`SELECT ${sql}`))
    return catalog.stream(session, catalog.place(session, pathOf(name))).offset
  }
  if (kind === 'STATEMENT') throw notModelled('AT(STATEMENT => …)')
  const value = await engine.value(`SELECT ${kind === 'OFFSET' ? `CAST(${sql} AS DOUBLE)` : `sf_micros(${sql})`}`)
  const at = kind === 'OFFSET' ? now() + Number(value) * 1000 : Number(value) / 1000
  const retentionMs = (object.kind === 'TABLE' ? object.retentionDays : 1) * 86_400_000
  if (at < object.createdAt || at < now() - retentionMs) throw noTravel(object.name)
  return transactions.versionAt(isBefore ? at - 1 : at)
}

function noTravel(name: string): SnowflakeError {
  return new SnowflakeError(
    '000707',
    '02000',
    `Time travel data is not available for table ${name}. The requested time is either beyond the allowed time travel period or before the object creation time.`,
  )
}
