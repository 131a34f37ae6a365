import { shownPlace } from './catalog.ts'
import type { ObjectPlace, StoredStream, StoredTable, StoredView } from './catalog-objects.ts'
import { shownName } from './names.ts'
import { pathOf } from './path-of.ts'
import { noPrivilege, notModelled, notThere } from './snowflake-error.ts'
import type { Statement } from './statement.ts'
import { type StatementResult, statusResult } from './statement-result.ts'
import { checkTracked, tablesUnder } from './stream-rows.ts'
import { travelVersion } from './time-travel.ts'
import { Translator } from './translate.ts'
import { branchesOf } from './view-rows.ts'

/**
 * CREATE [OR REPLACE] STREAM [IF NOT EXISTS] name ON TABLE | VIEW source [AT | BEFORE (…)] [APPEND_ONLY = …]
 * [SHOW_INITIAL_ROWS = …], or CLONE of another stream, which stands where that one does.
 * https://docs.snowflake.com/en/sql-reference/sql/create-stream
 */
export async function createStream(statement: Statement, replaces: boolean): Promise<StatementResult> {
  const { reader, world, session } = statement
  const { catalog } = world
  const ifNotExists = reader.take('IF', 'NOT', 'EXISTS')
  const place = catalog.place(session, reader.path())
  const schema = catalog.schema(session, place.database, place.schema)
  const old = schema.objects.get(place.name)
  if (ifNotExists && old !== undefined)
    return statusResult(`${shownName(place.name)} already exists, statement succeeded.`)
  if (replaces && old?.kind === 'STREAM') schema.objects.delete(place.name)
  try {
    catalog.demandPlace(session, place, 'CREATE STREAM')
    reader.take('COPY', 'GRANTS')
    catalog.add(reader.take('CLONE') ? cloned(statement, place) : await made(statement, place))
    reader.end()
  } catch (error) {
    if (old !== undefined) catalog.put(old)
    else schema.objects.delete(place.name)
    throw error
  }
  return statusResult(`Stream ${place.name} successfully created.`)
}

function cloned({ reader, world, session }: Statement, place: ObjectPlace): StoredStream {
  const { catalog, now } = world
  const other = catalog.stream(session, catalog.place(session, reader.path()))
  return { ...other, ...place, owner: session.role, createdAt: catalog.created(now()), comment: '' }
}

async function made(statement: Statement, place: ObjectPlace): Promise<StoredStream> {
  const { reader, world, session, scope } = statement
  const { catalog, transactions, now } = world
  reader.expect('ON')
  const kind = reader.name()
  if (kind !== 'TABLE' && kind !== 'VIEW') throw notModelled(`a stream on ${kind}`)
  const sourcePlace = catalog.place(session, reader.path())
  const source = catalog.find(session, sourcePlace)
  if (source === null || source.kind !== kind)
    throw notThere(kind === 'TABLE' ? 'Table' : 'View', shownPlace(sourcePlace))
  if (!catalog.may(session, 'SELECT', source)) throw noPrivilege(kind, source.name)
  if (source.kind === 'VIEW') branchesOf(source)
  const from = await offsetOf(statement, new Translator(reader, scope), source)
  const options = readOptions(statement)
  track(statement, source)
  checkTracked(world, source, from.offset)
  return {
    kind: 'STREAM',
    ...place,
    owner: session.role,
    createdAt: catalog.created(now()),
    comment: options.comment,
    source: { database: source.database, schema: source.schema, name: source.name },
    sourceId: source.id,
    sourceKind: kind,
    mode: options.isAppendOnly ? 'APPEND_ONLY' : 'DEFAULT',
    ...from,
    offset: Math.min(from.offset, transactions.version),
    isInitial: options.showsInitial,
  }
}

async function offsetOf(
  { reader, world, session }: Statement,
  translator: Translator,
  source: StoredTable | StoredView,
): Promise<{ readonly offset: number; readonly offsetAt: number }> {
  const { transactions, now, catalog, engine } = world
  if (!reader.is('AT', '(') && !reader.is('BEFORE', '(')) return { offset: transactions.version, offsetAt: now() }
  const point = await translator.travelPoint()
  const offset = await travelVersion(world, session, point, source)
  if (point.kind !== 'STREAM') return { offset, offsetAt: transactions.timeOf(offset) || source.createdAt }
  const other = catalog.stream(
    session,
    catalog.place(session, pathOf(String(await engine.value(`SELECT ${point.sql}`)))),
  )
  return { offset, offsetAt: other.offsetAt }
}

function readOptions({ reader }: Statement): { isAppendOnly: boolean; showsInitial: boolean; comment: string } {
  const options = { isAppendOnly: false, showsInitial: false, comment: '' }
  for (;;) {
    if (reader.take('APPEND_ONLY', '=')) options.isAppendOnly = reader.name() === 'TRUE'
    else if (reader.take('SHOW_INITIAL_ROWS', '=')) options.showsInitial = reader.name() === 'TRUE'
    else if (reader.take('COMMENT', '=')) options.comment = reader.next('string').value
    else return options
  }
}

/** The first stream that the owner makes turns change tracking on; others find it on, or are refused. */
function track({ world, session }: Statement, source: StoredTable | StoredView): void {
  const objects = source.kind === 'TABLE' ? [source] : [source, ...tablesUnder(world, source)]
  for (const object of objects) if (object.owner === session.role) object.trackedSince ??= world.transactions.version
}
