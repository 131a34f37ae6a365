import { invalidQuery } from './api-error.ts'

/**
 * Where a table's rows are now: SQL of DuckDB that can stand behind FROM. `at` is in microseconds, null = now; `where` is the
 * condition behind it as it was written, which says what partitions are read.
 */
export type Resolve = (dataset: string, table: string, at: bigint | null, where: string | null) => string

/** A table as it was at a moment, in microseconds; null = now. */
export type Source = { readonly dataset: string; readonly table: string; readonly at: bigint | null }

export type Statement =
  | { readonly kind: 'select'; readonly sql: string }
  | {
      readonly kind: 'create'
      readonly dataset: string
      readonly table: string
      readonly sql: string
      readonly hours: number | null
    }
  | {
      readonly kind: 'snapshot'
      readonly dataset: string
      readonly table: string
      readonly source: Source
      readonly hours: number | null
    }

type Token = { readonly kind: 'space' | 'string' | 'quoted' | 'word' | 'other'; readonly text: string }

const grammar =
  /(?<space>\s+|--[^\n]*|#[^\n]*)|(?<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(?<quoted>`[^`]*`)|(?<word>[A-Za-z_@][A-Za-z_0-9]*)|(?<other>[\s\S])/g

const typeNames: Readonly<Record<string, string>> = {
  INT64: 'BIGINT',
  FLOAT64: 'DOUBLE',
  STRING: 'VARCHAR',
  BYTES: 'BLOB',
  BOOL: 'BOOLEAN',
  NUMERIC: 'DECIMAL(38,9)',
  BIGNUMERIC: 'DECIMAL(38,18)',
  DATETIME: 'TIMESTAMP',
}

/** Functions of DuckDB, or macros of storage.ts. */
const functionNames: Readonly<Record<string, string>> = {
  TO_BASE64: 'base64',
  BYTE_LENGTH: 'bq_byte_length',
  SUBSTR: 'bq_substr',
  SHA256: 'bq_sha256',
  ST_ASTEXT: 'bq_text',
  UNIX_MICROS: 'epoch_us',
  TIMESTAMP: 'bq_timestamp',
}

const afterWhere: ReadonlySet<string> = new Set(['QUALIFY', 'GROUP', 'ORDER', 'LIMIT', 'HAVING', 'UNION'])
const beforeTable: ReadonlySet<string> = new Set(['FROM', 'JOIN'])

/**
 * Translates the GoogleSQL that the connector writes, and plain queries of views, into DuckDB's. It is no parser: it
 * knows names of tables, time travel, types, literals and a few functions, and DuckDB refuses the rest.
 */
export function translate(sql: string, resolve: Resolve): Statement {
  const tokens = tokensOf(sql)
  const text = new Translation(tokens, resolve)
  if (!text.takeWord('CREATE')) return { kind: 'select', sql: text.rest() }
  if (text.takeWord('SNAPSHOT')) return text.takeSnapshot()
  if (!text.takeWord('TABLE')) throw invalidQuery('Syntax error: only CREATE TABLE … AS is known here')
  const { dataset, table } = text.takeTable()
  const hours = text.takeWord('OPTIONS') ? text.takeExpiration() : null
  if (!text.takeWord('AS')) throw invalidQuery('Syntax error: Expected keyword AS')
  return { kind: 'create', dataset, table, hours, sql: text.rest() }
}

/** A condition in DuckDB's words. */
export function translateCondition(sql: string): string {
  return new Translation(tokensOf(sql), () => '').rest()
}

function tokensOf(sql: string): readonly Token[] {
  const tokens: Token[] = []
  for (const { groups } of sql.matchAll(grammar)) {
    const found = Object.entries(groups ?? {}).find(([, text]) => text !== undefined) as [Token['kind'], string]
    tokens.push({ kind: found[0], text: found[1] })
  }
  return tokens
}

class Translation {
  readonly #tokens: readonly Token[]
  readonly #resolve: Resolve
  #at = 0

  constructor(tokens: readonly Token[], resolve: Resolve) {
    this.#tokens = tokens
    this.#resolve = resolve
  }

  takeWord(word: string): boolean {
    const next = this.#peek()
    if (next?.kind !== 'word' || next.text.toUpperCase() !== word) return false
    this.#take()
    return true
  }

  /** `project`.`dataset`.`table`, dataset.table, or all of it between one pair of backticks. */
  takeTable(): { dataset: string; table: string } {
    const parts: string[] = []
    do {
      const { kind, text } = this.#take()
      if (kind !== 'quoted' && kind !== 'word') throw invalidQuery(`Syntax error: Unexpected "${text}"`)
      parts.push(...(kind === 'quoted' ? text.slice(1, -1).split('.') : [text]))
    } while (this.#takeOther('.'))
    const [table = '', dataset, inner] = parts.reverse()
    if (dataset === 'INFORMATION_SCHEMA' && inner !== undefined)
      return { dataset: inner, table: `${dataset}.${table.toUpperCase()}` }
    if (dataset === undefined) throw invalidQuery(`Table "${table}" must be qualified with a dataset`)
    return { dataset, table }
  }

  /** `TABLE name CLONE source FOR SYSTEM_TIME AS OF … OPTIONS (…)`. */
  takeSnapshot(): Statement {
    if (!this.takeWord('TABLE')) throw invalidQuery('Syntax error: Expected keyword TABLE')
    const { dataset, table } = this.takeTable()
    if (!this.takeWord('CLONE')) throw invalidQuery('Syntax error: Expected keyword CLONE')
    const source = this.takeTable()
    const at = this.takeWord('FOR') ? this.#systemTime() : null
    const hours = this.takeWord('OPTIONS') ? this.takeExpiration() : null
    return { kind: 'snapshot', dataset, table, source: { ...source, at }, hours }
  }

  /** What stands between the parentheses of OPTIONS: hours until the table removes itself. */
  takeExpiration(): number | null {
    const inside = this.#takeParenthesis()
      .map(({ text }) => text)
      .join('')
    const [, count, unit] = /INTERVAL (\d+) (HOUR|DAY)/.exec(inside) ?? []
    return count === undefined ? null : Number(count) * (unit === 'DAY' ? 24 : 1)
  }

  rest(): string {
    let out = ''
    while (this.#at < this.#tokens.length) out += this.#next()
    return out
  }

  #next(): string {
    const token = this.#tokens[this.#at++] as Token
    if (token.kind === 'quoted') return `"${token.text.slice(1, -1)}"`
    if (token.kind === 'string') return literal(token.text)
    if (token.kind !== 'word') return token.text
    const word = token.text.toUpperCase()
    const after = this.#tokens[this.#at]
    if (word === 'B' && after?.kind === 'string') return `${literal(this.#take().text)}::BLOB`
    if (beforeTable.has(word)) return `${token.text}${this.#space()}${this.#table()}`
    if (word === 'CAST') return this.#cast()
    if (word === 'FORMAT') return this.#format()
    if (word === 'CONCAT') return this.#concat()
    if (word === 'TIMESTAMP' && this.#peek()?.kind === 'string') return 'TIMESTAMPTZ'
    if (this.#peek()?.text === '(' && functionNames[word] !== undefined) return functionNames[word]
    if (word === 'CURRENT_TIMESTAMP') {
      this.#takeParenthesis()
      return 'bq_now()'
    }
    return typeNames[word] ?? token.text
  }

  #table(): string {
    const next = this.#peek()
    if (this.takeWord('UNNEST')) return this.#unnest()
    if (next?.kind !== 'word' && next?.kind !== 'quoted') return ''
    const { dataset, table } = this.takeTable()
    const mark = this.#at
    const at = this.takeWord('FOR') ? this.#systemTime() : null
    if (at === null) this.#at = mark
    return this.#resolve(dataset, table, at, this.#whereAhead())
  }

  /** UNNEST of one struct is a row; of anything else it is DuckDB's own. */
  #unnest(): string {
    const inside = this.#takeParenthesis()
    const text = inside.map((token) => token.text).join('')
    const struct = /^\[STRUCT\(([\s\S]*)\)\]$/.exec(text)?.[1]
    if (struct !== undefined) return `(SELECT ${new Translation(tokensOf(struct), this.#resolve).rest()})`
    return `UNNEST(${new Translation(inside, this.#resolve).rest()})`
  }

  /** The condition that follows, up to the end of its query. */
  #whereAhead(): string | null {
    const next = this.#peek()
    if (next?.kind !== 'word' || next.text.toUpperCase() !== 'WHERE') return null
    let at = this.#tokens.indexOf(next, this.#at) + 1
    let out = ''
    for (let depth = 0; at < this.#tokens.length; at++) {
      const { kind, text } = this.#tokens[at] as Token
      if (kind === 'other' && text === '(') depth++
      if (kind === 'other' && text === ')' && --depth < 0) break
      if (kind === 'word' && depth === 0 && afterWhere.has(text.toUpperCase())) break
      out += text
    }
    return out
  }

  #systemTime(): bigint {
    for (const word of ['SYSTEM_TIME', 'AS', 'OF', 'TIMESTAMP'])
      if (!this.takeWord(word)) throw invalidQuery(`Syntax error: Expected ${word}`)
    const match = /^'(\S+) (\S+?)(\d{3})\+00'$/.exec(this.#take().text)
    if (match === null) throw invalidQuery('Invalid time travel timestamp')
    return BigInt(Date.parse(`${match[1]}T${match[2]}Z`)) * 1000n + BigInt(match[3] as string)
  }

  /** CAST(x AS STRING) prints decimals without zeros at the end, which DuckDB's does not. */
  #cast(): string {
    const inside = this.#takeParenthesis()
    const type = inside.findLastIndex(({ kind, text }) => kind === 'word' && text.toUpperCase() === 'AS')
    const name = inside
      .slice(type + 1)
      .map(({ text }) => text)
      .join('')
      .trim()
      .toUpperCase()
    const value = new Translation(inside.slice(0, type), this.#resolve).rest()
    if (name === 'STRING') return `bq_text(${value})`
    if (name === 'BYTES') return `encode(${value})`
    return `CAST(${value} AS ${name === 'TIMESTAMP' ? 'TIMESTAMPTZ' : (typeNames[name] ?? name)})`
  }

  /** NULL when one of its parts is, of texts as of bytes. */
  #concat(): string {
    const parts: Token[][] = [[]]
    let depth = 0
    for (const token of this.#takeParenthesis()) {
      if (token.kind === 'other' && token.text === '(') depth++
      if (token.kind === 'other' && token.text === ')') depth--
      if (depth === 0 && token.kind === 'other' && token.text === ',') parts.push([])
      else parts.at(-1)?.push(token)
    }
    return `(${parts.map((part) => new Translation(part, this.#resolve).rest().trim()).join(' || ')})`
  }

  #format(): string {
    const inside = this.#takeParenthesis()
    const [form] = inside
    const rest = new Translation(inside.slice(1), this.#resolve).rest()
    return form?.text === "'%t'" ? `bq_text(${rest.replace(/^\s*,/, '')})` : `printf(${form?.text ?? ''}${rest})`
  }

  /** The tokens between a parenthesis and the one that closes it. */
  #takeParenthesis(): readonly Token[] {
    if (!this.#takeOther('(')) throw invalidQuery('Syntax error: Expected "("')
    const start = this.#at
    for (let depth = 1; depth > 0; ) {
      const token = this.#tokens[this.#at++]
      if (token === undefined) throw invalidQuery('Syntax error: Expected ")" but got end of script')
      if (token.kind === 'other' && token.text === '(') depth++
      if (token.kind === 'other' && token.text === ')') depth--
    }
    return this.#tokens.slice(start, this.#at - 1)
  }

  #takeOther(text: string): boolean {
    const next = this.#peek()
    if (next?.kind !== 'other' || next.text !== text) return false
    this.#take()
    return true
  }

  #space(): string {
    let out = ''
    while (this.#tokens[this.#at]?.kind === 'space') out += (this.#tokens[this.#at++] as Token).text
    return out
  }

  #peek(): Token | undefined {
    return this.#tokens.slice(this.#at, this.#at + 3).find(({ kind }) => kind !== 'space')
  }

  #take(): Token {
    this.#space()
    const token = this.#tokens[this.#at++]
    if (token === undefined) throw invalidQuery('Syntax error: Unexpected end of script')
    return token
  }
}

function literal(text: string): string {
  const inside = text.slice(1, -1).replaceAll("\\'", "'").replaceAll('\\"', '"').replaceAll('\\\\', '\\')
  return `'${inside.replaceAll("'", "''")}'`
}
