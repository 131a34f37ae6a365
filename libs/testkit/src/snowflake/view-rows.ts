import type { StoredTable, StoredView } from './catalog-objects.ts'
import { duckIdentifier } from './names.ts'
import { rowMarks, rowsAt } from './row-versions.ts'
import type { QueryScope } from './scope.ts'
import { notModelled, notThere, SnowflakeError } from './snowflake-error.ts'
import { type Token, TokenReader } from './tokens.ts'
import { Translator } from './translate.ts'
import type { World } from './world.ts'

const marks = ['"~RID"', '"~VER"']

/** What a stream cannot follow: https://docs.snowflake.com/en/user-guide/streams-intro (requirements of streams on views). */
const untracked = new Set([
  'GROUP',
  'HAVING',
  'QUALIFY',
  'DISTINCT',
  'LIMIT',
  'FETCH',
  'OVER',
  'EXCEPT',
  'MINUS',
  'INTERSECT',
  'LEFT',
  'RIGHT',
  'FULL',
  'WITH',
])

/**
 * SQL for the rows of a view at a version, each with the ids and versions of the rows that it is made of. A row that comes
 * from the same rows is the same row.
 */
export async function viewRowsAt(world: World, view: StoredView, version: number): Promise<string> {
  const branches = branchesOf(view)
  const written: string[] = []
  for (const [i, branch] of branches.entries()) {
    const translator = new Translator(new TokenReader(branch), new VersionScope(world, view, version), marks)
    const sql = await translator.sql()
    const joined = (column: string) =>
      `concat_ws('.', ${[`'${i}'`, ...translator.aliases.map((a) => `${a}.${column}`)].join(', ')})`
    written.push(sql.replace(/^SELECT/, `SELECT ${joined('"~RID"')} AS "~RID", ${joined('"~VER"')} AS "~VER",`))
  }
  const names = view.columns.map(({ name }) => duckIdentifier(name))
  return `SELECT * FROM (${written.join(' UNION ALL ')}) AS v("~RID", "~VER", ${names.join(', ')})`
}

/** The parts of a view's query between UNION ALL. Throws for what no stream follows. */
export function branchesOf({ query }: Pick<StoredView, 'query'>): readonly string[] {
  const reader = new TokenReader(query)
  const branches: string[] = []
  let start = 0
  let depth = 0
  for (const [i, token] of reader.tokens.entries()) {
    if (token.value === '(' && token.kind === 'operator') depth++
    if (token.value === ')' && token.kind === 'operator') depth--
    if (token.kind !== 'word') continue
    checkWord(token, reader.tokens[i + 1], depth)
    if (token.value !== 'UNION') continue
    if (reader.tokens[i + 1]?.value !== 'ALL') throw noTracking('UNION')
    branches.push(query.slice(start, token.at))
    start = (reader.tokens[i + 1]?.at ?? 0) + 'ALL'.length
  }
  branches.push(query.slice(start).replace(/;\s*$/, ''))
  return branches
}

function checkWord({ value }: Token, next: Token | undefined, depth: number): void {
  const isCall = next?.value === '(' && (value === 'LEFT' || value === 'RIGHT')
  if (untracked.has(value) && !isCall) throw noTracking(value)
  if (value === 'SELECT' && depth > 0) throw noTracking('subquery')
}

function noTracking(what: string): SnowflakeError {
  return new SnowflakeError(
    '002155',
    '0A000',
    `SQL compilation error:\nChange tracking is not supported on queries with '${what}'.`,
  )
}

/** Resolves what a view names, with the rights of its owner, at a version. */
class VersionScope implements QueryScope {
  readonly binds: readonly string[] = []
  readonly #world: World
  readonly #view: StoredView
  readonly #version: number

  constructor(world: World, view: StoredView, version: number) {
    this.#world = world
    this.#view = view
    this.#version = version
  }

  async table(path: readonly string[]): Promise<string> {
    const [name = '', schema = this.#view.schema, database = this.#view.database] = path.toReversed()
    const found = this.#world.catalog.databases.get(database)?.schemas.get(schema)?.objects.get(name)
    if (found === undefined) throw notThere('Object', path.join('.'))
    if (found.kind === 'STREAM') throw notModelled('a view of a stream')
    if (found.kind === 'VIEW') return viewRowsAt(this.#world, found, this.#version)
    return rowsAt(found satisfies StoredTable, this.#version, 0, rowMarks)
  }

  async sessionCall(): Promise<string | null> {
    return null
  }

  tableFunction(): Promise<string> {
    throw noTracking('table function')
  }
}
