import { syntaxError } from './snowflake-error.ts'

/**
 * word = [A-Za-z_][A-Za-z0-9_$]*, upper-cased in `value`; quoted = "…" with "" for "; string = '…' with '' and backslash
 * escapes, or $$…$$; bind = ? or :1. Comments and space only part tokens.
 * https://docs.snowflake.com/en/sql-reference/data-types-text
 */
export type Token = {
  readonly kind: 'word' | 'quoted' | 'string' | 'number' | 'operator' | 'bind'
  readonly value: string
  /** Where it starts in the text. */
  readonly at: number
}

const space = /(?:\s+|--[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?\*\/)+/y
const patterns: readonly (readonly [Token['kind'], RegExp])[] = [
  ['word', /[A-Za-z_\u0080-\uffff][A-Za-z0-9_$\u0080-\uffff]*/y],
  ['quoted', /"(?:[^"]|"")+"/y],
  ['string', /'(?:[^'\\]|''|\\[\s\S])*'|\$\$[\s\S]*?\$\$/y],
  ['number', /(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y],
  ['bind', /\?|(?<![:\w"\])]):\d+/y],
  ['operator', /::|=>|->|\|\||<>|!=|>=|<=|[-+*/%(),.;=<>:[\]{}@|&]/y],
]

export function tokensOf(sql: string): readonly Token[] {
  const tokens: Token[] = []
  let at = 0
  while (at < sql.length) {
    space.lastIndex = at
    if (space.test(sql)) {
      at = space.lastIndex
      continue
    }
    const found = tokenAt(sql, at)
    if (found === null) throw syntaxError(sql[at] ?? '', sql.slice(0, at).split('\n').length, at)
    tokens.push(found.token)
    at = found.end
  }
  return tokens
}

function tokenAt(sql: string, at: number): { readonly token: Token; readonly end: number } | null {
  for (const [kind, pattern] of patterns) {
    pattern.lastIndex = at
    const match = pattern.exec(sql)
    if (match !== null) return { token: { kind, value: textOf(kind, match[0]), at }, end: pattern.lastIndex }
  }
  return null
}

function textOf(kind: Token['kind'], text: string): string {
  if (kind === 'word') return text.toUpperCase()
  if (kind === 'quoted') return text.slice(1, -1).replaceAll('""', '"')
  if (kind !== 'string') return text
  if (text.startsWith('$$')) return text.slice(2, -2)
  return text.slice(1, -1).replace(/''|\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[\s\S])/g, unescaped)
}

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f', 0: '\0' }

function unescaped(text: string, code: string | undefined): string {
  if (code === undefined) return text.slice(1)
  if (code.length > 1) return String.fromCharCode(Number.parseInt(code.slice(1), 16))
  return escapes[code] ?? code
}

/** Reads tokens one after the other. */
export class TokenReader {
  readonly tokens: readonly Token[]
  readonly sql: string
  at = 0

  constructor(sql: string) {
    this.sql = sql
    this.tokens = tokensOf(sql)
  }

  get done(): boolean {
    return this.at >= this.tokens.length
  }

  peek(ahead = 0): Token | undefined {
    return this.tokens[this.at + ahead]
  }

  /** Whether the next words (or operators) are these. */
  is(...values: readonly string[]): boolean {
    return values.every((value, i) => {
      const token = this.peek(i)
      return token !== undefined && (token.kind === 'word' || token.kind === 'operator') && token.value === value
    })
  }

  /** Passes these words when they are next; says whether they were. */
  take(...values: readonly string[]): boolean {
    if (!this.is(...values)) return false
    this.at += values.length
    return true
  }

  expect(...values: readonly string[]): void {
    if (!this.take(...values)) throw this.unexpected()
  }

  next(kind?: Token['kind']): Token {
    const token = this.peek()
    if (token === undefined || (kind !== undefined && token.kind !== kind)) throw this.unexpected()
    this.at++
    return token
  }

  /** The next name, folded as Snowflake does. */
  name(): string {
    const token = this.peek()
    if (token === undefined || (token.kind !== 'word' && token.kind !== 'quoted')) throw this.unexpected()
    this.at++
    return token.value
  }

  /** The next name as it is written: keys in paths into VARIANT are not folded. */
  key(): string {
    const token = this.peek()
    const name = this.name()
    return token?.kind === 'word' ? this.sql.slice(token.at, token.at + name.length) : name
  }

  /** A name of one to three parts. */
  path(): readonly string[] {
    const parts = [this.name()]
    while (this.take('.')) parts.push(this.name())
    return parts
  }

  /** The text from the next token on. */
  rest(): string {
    const token = this.peek()
    return token === undefined ? '' : this.sql.slice(token.at)
  }

  end(): void {
    this.take(';')
    if (!this.done) throw this.unexpected()
  }

  unexpected(): Error {
    const token = this.peek()
    const at = token?.at ?? this.sql.length
    return syntaxError(token?.value ?? '<EOF>', this.sql.slice(0, at).split('\n').length, at)
  }
}
