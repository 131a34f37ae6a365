import { castSql } from './cast.ts'
import { enterClause, isUsedAsKeyword, type Place } from './clauses.ts'
import { callSql, datePart, partFunctions } from './functions.ts'
import { keywords } from './keywords.ts'
import { duckIdentifier, literal } from './names.ts'
import type { QueryScope, Travel, TravelPoint } from './scope.ts'
import { compilationError, notModelled } from './snowflake-error.ts'
import type { Token, TokenReader } from './tokens.ts'
import { readType } from './types.ts'

/** Writes one query of Snowflake's as DuckDB reads it. It goes by tokens and knows clauses, names, calls, casts and paths. */
export class Translator {
  readonly #reader: TokenReader
  readonly #scope: QueryScope
  readonly #common = new Set<string>()
  /** Columns that `*` does not give. */
  readonly #hidden: readonly string[]
  /** The tables of the query by their aliases, as DuckDB reads them. */
  readonly aliases: string[] = []
  #bind = 0

  constructor(reader: TokenReader, scope: QueryScope, hidden: readonly string[] = []) {
    this.#hidden = hidden
    this.#reader = reader
    this.#scope = scope
  }

  /** SQL from the next token to the end of the statement, the group, or one of these words at the same depth. */
  async sql(until: readonly string[] = [], startsInFrom = false): Promise<string> {
    const [text] = await this.#parts({ inFrom: startsInFrom, awaitsTable: startsInFrom, isCall: false }, until)
    return text ?? ''
  }

  /** One value without operators around it, such as a default. */
  async single(): Promise<string> {
    const pieces: string[] = []
    const place = { inFrom: false, awaitsTable: false, isCall: true }
    if (this.#reader.take('-')) pieces.push('-')
    await this.#piece(place, pieces)
    while (this.#reader.is('::')) await this.#piece(place, pieces)
    return pieces.join(' ')
  }

  /** A value, up to a comma or one of these words. */
  async value(until: readonly string[]): Promise<string> {
    const pieces: string[] = []
    const reader = this.#reader
    const place = { inFrom: false, awaitsTable: false, isCall: true }
    while (!reader.done && !reader.is(',') && !reader.is(';') && !until.some((word) => reader.is(word)))
      await this.#piece(place, pieces)
    return pieces.join(' ')
  }

  /** The parts between commas, up to the bracket that closes them (which is not passed). */
  async #parts(place: Place, until: readonly string[]): Promise<readonly string[]> {
    const reader = this.#reader
    const parts: string[] = []
    let pieces: string[] = []
    if (reader.is('WITH')) pieces.push(await this.#commonTables())
    while (!reader.done && !reader.is(')') && !reader.is(';')) {
      const token = reader.peek() as Token
      if (token.kind === 'word' && until.includes(token.value) && !place.awaitsTable) break
      if (place.isCall && reader.take(',')) {
        parts.push(pieces.join(' '))
        pieces = []
        continue
      }
      await this.#piece(place, pieces)
    }
    if (pieces.length > 0 || parts.length > 0) parts.push(pieces.join(' '))
    return parts
  }

  async #piece(place: Place, pieces: string[]): Promise<void> {
    const reader = this.#reader
    const token = reader.next()
    switch (token.kind) {
      case 'string':
        pieces.push(literal(token.value))
        return
      case 'number':
        pieces.push(token.value)
        return
      case 'bind':
        pieces.push(this.#bound(token.value))
        return
      case 'operator':
        await this.#operator(token.value, place, pieces)
        return
      default:
        reader.at--
        await this.#word(place, pieces)
    }
  }

  async #operator(operator: string, place: Place, pieces: string[]): Promise<void> {
    const reader = this.#reader
    if (operator === '(') {
      pieces.push(`(${await this.#group(place.awaitsTable)})`)
      place.awaitsTable = false
    } else if (operator === '::') pieces.push(castSql(operand(pieces), readType(reader)))
    else if (operator === ':') pieces.push(this.#path(operand(pieces), `.${jsonKey(reader.key())}`))
    else if (operator === '[') {
      if (pieces.length === 0 || keywords.has(pieces.at(-1) ?? '')) throw notModelled('array literal')
      reader.at--
      pieces.push(this.#path(operand(pieces), ''))
    } else {
      if (operator === ',' && place.inFrom) place.awaitsTable = true
      const isStar =
        operator === '*' && (pieces.length === 0 || /(^|[ (])(SELECT|DISTINCT|,)$/.test(pieces.at(-1) ?? ''))
      pieces.push(isStar ? `*${this.#exclusion()}` : operator)
    }
  }

  async #group(startsInFrom: boolean): Promise<string> {
    const isQuery = this.#reader.is('SELECT') || this.#reader.is('WITH') || this.#reader.is('VALUES')
    const inner = await this.sql([], startsInFrom && !isQuery)
    this.#reader.expect(')')
    return inner
  }

  /** `.key`, `[3]` and `['key']` after the first step of a path into a VARIANT. */
  #path(value: string, first: string): string {
    const reader = this.#reader
    let path = `$${first}`
    for (;;) {
      if (reader.take('.')) path += `.${jsonKey(reader.key())}`
      else if (reader.take('[')) {
        const step = reader.next()
        path += step.kind === 'number' ? `[${step.value}]` : `.${jsonKey(step.value)}`
        reader.expect(']')
      } else return `json_extract(sf_json(${value}), ${literal(path)})`
    }
  }

  async #word(place: Place, pieces: string[]): Promise<void> {
    const reader = this.#reader
    const token = reader.peek() as Token
    const isKeyword = token.kind === 'word' && keywords.has(token.value)
    if (place.awaitsTable && !isKeyword) {
      place.awaitsTable = false
      pieces.push(await this.#table())
      return
    }
    if (isKeyword && isUsedAsKeyword(token.value, reader, pieces)) {
      reader.at++
      enterClause(token.value, reader, place)
      pieces.push(token.value === 'MINUS' ? 'EXCEPT' : token.value)
      return
    }
    if (token.kind === 'word' && reader.peek(1)?.kind === 'string' && /^(DATE|TIMESTAMP|TIME)$/.test(token.value)) {
      reader.at++
      pieces.push(token.value)
      return
    }
    const isCall = token.kind === 'word' && reader.peek(1)?.value === '(' && reader.peek(1)?.kind === 'operator'
    if (isCall && !(place.inFrom && pieces.at(-1) === 'AS')) pieces.push(await this.#call())
    else pieces.push(this.#identifier())
  }

  #identifier(): string {
    const reader = this.#reader
    const parts = [duckIdentifier(reader.name())]
    while (reader.is('.')) {
      reader.at++
      if (reader.take('*')) return `${parts.join('.')}.*${this.#exclusion()}`
      parts.push(duckIdentifier(reader.name()))
    }
    return parts.join('.')
  }

  #exclusion(): string {
    return this.#hidden.length === 0 ? '' : ` EXCLUDE (${this.#hidden.join(', ')})`
  }

  async #commonTables(): Promise<string> {
    const reader = this.#reader
    reader.expect('WITH')
    if (reader.take('RECURSIVE')) throw notModelled('WITH RECURSIVE')
    const written: string[] = []
    do {
      const name = reader.name()
      const columns = reader.take('(') ? `(${await this.#group(false)})` : ''
      reader.expect('AS')
      reader.expect('(')
      written.push(`${duckIdentifier(name)}${columns} AS (${await this.#group(false)})`)
      this.#common.add(name)
    } while (reader.take(','))
    return `WITH ${written.join(', ')}`
  }

  async #table(): Promise<string> {
    const reader = this.#reader
    if (reader.is('TABLE', '(')) return this.#tableFunction()
    if (reader.is('LATERAL')) throw notModelled('LATERAL')
    const path = reader.path()
    const last = path.at(-1) ?? ''
    const isCommon = path.length === 1 && this.#common.has(last)
    const source = isCommon ? duckIdentifier(last) : `(${await this.#scope.table(path, await this.#travel())})`
    reader.take('AS')
    const next = reader.peek()
    const hasAlias = next?.kind === 'quoted' || (next?.kind === 'word' && !keywords.has(next.value))
    const alias = duckIdentifier(hasAlias ? reader.name() : last)
    this.aliases.push(alias)
    return `${source} AS ${alias}`
  }

  async #tableFunction(): Promise<string> {
    const reader = this.#reader
    reader.expect('TABLE', '(')
    const path = reader.path()
    reader.expect('(')
    const args = new Map<string, string>()
    while (!reader.take(')')) {
      reader.take(',')
      const name = reader.peek(1)?.value === '=>' ? reader.name() : String(args.size)
      reader.take('=>')
      args.set(name, reader.next().value)
    }
    reader.expect(')')
    const sql = await this.#scope.tableFunction(path, args)
    reader.take('AS')
    const next = reader.peek()
    const hasAlias = next?.kind === 'quoted' || (next?.kind === 'word' && !keywords.has(next.value))
    return `(${sql}) AS ${duckIdentifier(hasAlias ? reader.name() : (path.at(-1) ?? ''))}`
  }

  /** AT | BEFORE (…), or CHANGES (INFORMATION => …) AT (…) [END (…)]. */
  async #travel(): Promise<Travel | null> {
    const reader = this.#reader
    let changes: Travel['changes'] = null
    if (reader.take('CHANGES', '(')) {
      reader.expect('INFORMATION', '=>')
      changes = reader.name() === 'APPEND_ONLY' ? 'APPEND_ONLY' : 'DEFAULT'
      reader.expect(')')
    }
    if (changes === null && !reader.is('AT', '(') && !reader.is('BEFORE', '(')) return null
    const at = await this.travelPoint()
    const end = changes !== null && reader.is('END', '(') ? await this.travelPoint() : null
    return { changes, at, end }
  }

  async travelPoint(): Promise<TravelPoint> {
    const reader = this.#reader
    const word = reader.name()
    reader.expect('(')
    const kind = reader.name()
    if (!/^(TIMESTAMP|OFFSET|STATEMENT|STREAM|VERSION)$/.test(kind)) throw reader.unexpected()
    reader.expect('=>')
    const sql = await this.sql()
    reader.expect(')')
    return { kind: kind as TravelPoint['kind'], isBefore: word === 'BEFORE', sql }
  }

  async #call(): Promise<string> {
    const reader = this.#reader
    const name = reader.name()
    reader.expect('(')
    if (name === 'CAST' || name === 'TRY_CAST') return this.#cast(name === 'TRY_CAST')
    if (name === 'EXTRACT') {
      const part = reader.name()
      reader.expect('FROM')
      return datePart(part, await this.#group(false))
    }
    const args: string[] = []
    if (partFunctions.has(name)) {
      const part = reader.next()
      args.push(part.value.toUpperCase())
      reader.expect(',')
    }
    args.push(...(await this.#parts({ inFrom: false, awaitsTable: false, isCall: true }, [])))
    reader.expect(')')
    return (await this.#scope.sessionCall(name, args)) ?? callSql(name, args)
  }

  async #cast(isTry: boolean): Promise<string> {
    const value = await this.sql(['AS'])
    this.#reader.expect('AS')
    const type = readType(this.#reader)
    this.#reader.expect(')')
    return castSql(value, type, isTry)
  }

  #bound(token: string): string {
    const index = token === '?' ? this.#bind++ : Number(token.slice(1)) - 1
    const value = this.#scope.binds[index]
    if (value === undefined) throw compilationError(`Bind variable ${token} not set.`)
    return value
  }
}

function operand(pieces: string[]): string {
  const last = pieces.pop()
  if (last === undefined) throw compilationError('A cast or path stands behind nothing.')
  return last
}

function jsonKey(key: string): string {
  return `"${key.replaceAll('"', '\\"')}"`
}
