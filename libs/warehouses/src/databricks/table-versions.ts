import type { TableRef } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'
import type { Catalog } from './catalog.ts'
import { catalogStatements } from './catalog-statements.ts'

/** The newest version of a Delta table, and when it was written, ms since 1970. */
export type TableVersion = { readonly version: number; readonly at: number }

/** What mirror needs to know of a Delta table beside its columns. */
export type DeltaTable = {
  /** Another one means that the table was made again under its old name. */
  readonly id: string
  readonly hasChangeFeed: boolean
  /** For how long versions and their changes are kept, ms; null when that is told in units that Millrace does not know. */
  readonly keptMs: number | null
}

const dayMs = 86_400_000
const keptDefaultMs = 30 * dayMs
const unitMs: Readonly<Record<string, number>> = {
  second: 1000,
  minute: 60_000,
  hour: 3_600_000,
  day: dayMs,
  week: 7 * dayMs,
}

export async function latestVersion(
  { client, catalog }: Catalog,
  table: TableRef,
  signal: AbortSignal,
): Promise<TableVersion> {
  const [row] = await client.ask(catalogStatements.latest(catalog, table), signal)
  const version = Number(row?.version)
  if (row === undefined || !Number.isSafeInteger(version)) throw noHistory()
  return { version, at: momentOf(row.timestamp) }
}

export async function deltaTable(
  { client, catalog }: Catalog,
  table: TableRef,
  signal: AbortSignal,
): Promise<DeltaTable> {
  const [detail] = await client.ask(catalogStatements.detail(catalog, table), signal)
  const id = detail?.id
  if (typeof id !== 'string' || id === '') throw noHistory()
  const rows = await client.ask(catalogStatements.properties(catalog, table), signal)
  const properties = new Map(rows.map(({ key, value }) => [String(key), String(value)]))
  return {
    id,
    hasChangeFeed: properties.get('delta.enableChangeDataFeed')?.toLowerCase() === 'true',
    keptMs: durationMs(properties.get('delta.logRetentionDuration')),
  }
}

/** `interval 30 days`, `interval 1 week 2 hours`: https://docs.databricks.com/aws/en/delta/history */
export function durationMs(text: string | undefined): number | null {
  if (text === undefined) return keptDefaultMs
  const body = /^\s*(?:interval\s+)?(.+?)\s*$/i.exec(text)?.[1] ?? ''
  let total = 0
  for (const [all, count, unit = ''] of body.matchAll(/(\d{1,9})\s+([a-z]+)|\S+/gi)) {
    const each = unitMs[unit.toLowerCase().replace(/s$/, '')]
    if (count === undefined || each === undefined || all === '') return null
    total += Number(count) * each
  }
  return total > 0 ? total : null
}

/** The driver gives a moment as text without its zone, which is that of the session: UTC; or as a Date. */
function momentOf(value: unknown): number {
  const text = String(value)
  const at =
    value instanceof Date ? value.getTime() : Date.parse(`${text.replace(' ', 'T')}${/Z$/.test(text) ? '' : 'Z'}`)
  if (Number.isFinite(at)) return at
  throw noHistory()
}

function noHistory(): WarehouseError {
  return new WarehouseError('protocol_error', 'The table tells no history.', 'It must be a Delta table.')
}
