/** Pieces of a statement: texts, quoted names, comments, words, everything else. */
const pieces = /'(?:[^'\\]|''|\\[\s\S])*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|[A-Za-z_][\w$]*|\s+|[\s\S]/g

/** What Postgres has and Redshift has not: word by word, in the order of the text, with what Redshift says. */
const foreign: readonly (readonly [form: RegExp, word: string])[] = [
  [/\bFILTER\s*\(\s*WHERE\b/i, 'FILTER'],
  [/\bIS\s+(NOT\s+)?DISTINCT\s+FROM\b/i, 'DISTINCT'],
  [/\bON\s+CONFLICT\b/i, 'CONFLICT'],
  [/\bRETURNING\b/i, 'RETURNING'],
  [/\bLATERAL\b/i, 'LATERAL'],
  [/\bDISTINCT\s+ON\b/i, 'ON'],
  [/\bFOR\s+(UPDATE|SHARE)\b/i, 'FOR'],
  [/\bTABLESAMPLE\b/i, 'TABLESAMPLE'],
  [/::\s*(bytea|jsonb?|text\[\])/i, '::'],
  [/\bAS\s+(NOT\s+)?MATERIALIZED\b/i, 'MATERIALIZED'],
]
const foreignFunctions =
  /\b(string_agg|array_agg|jsonb_\w+|json_(agg|build|object|each|populate|to|typeof|array_el)\w*|to_jsonb?|sha256|digest|convert_to|regexp_matches|unnest|make_timestamp|format|encode|row_to_json|percentile_disc_\w+)\s*\(/i

/** Clauses of Redshift's CREATE TABLE that say where rows lie; Postgres has one place. */
const placement =
  /\b(DISTSTYLE\s+(ALL|EVEN|KEY|AUTO)|DISTKEY\s*\([^)]*\)|(COMPOUND\s+|INTERLEAVED\s+)?SORTKEY\s*\([^)]*\)|SORTKEY\s+AUTO|BACKUP\s+(YES|NO)|ENCODE\s+(AUTO|\w+))/gi

/**
 * A statement of Redshift as one of Postgres. Throws what Redshift says to what it does not know. Names are folded to lower
 * case, quoted or not, unless the session says otherwise.
 * https://docs.aws.amazon.com/redshift/latest/dg/r_names.html
 */
export function toPostgres(sql: string, session: { readonly isCaseSensitive: boolean }): string {
  const parts = sql.match(pieces) ?? []
  const bare = parts
    .map((part) => (/^['"]/.test(part) ? 'x' : part.startsWith('--') || part.startsWith('/*') ? ' ' : part))
    .join('')
  for (const [form, word] of foreign) if (form.test(bare)) throw new Error(`ERROR: syntax error at or near "${word}"`)
  const called = foreignFunctions.exec(bare)?.[1]
  if (called !== undefined) throw new Error(`ERROR: function ${called.toLowerCase()}() does not exist`)
  return withoutPlacement(parts.map((part, i) => translated(part, parts, i, session.isCaseSensitive)).join(''))
}

/** Texts and quoted names are left alone. */
function withoutPlacement(sql: string): string {
  return sql
    .split(/('(?:[^'\\]|''|\\[\s\S])*'|"(?:[^"]|"")*")/)
    .map((part, i) => (i % 2 === 1 ? part : part.replace(placement, '')))
    .join('')
}

function translated(part: string, parts: readonly string[], i: number, isCaseSensitive: boolean): string {
  if (part.startsWith('"')) return isCaseSensitive ? part : part.toLowerCase()
  if (!/^[A-Za-z_]/.test(part)) return part
  const word = part.toLowerCase()
  if (word === 'sysdate') return 'getdate()'
  // The first argument of these is a bare word.
  if (isArgumentOf(parts, i, /^(datediff|dateadd|date_diff|date_add)$/i)) return `'${word}'`
  // Postgres 17 reads this name as a clause of its own, which takes no value of ours; in quotes it is the function.
  if (word === 'json_serialize') return '"json_serialize"'
  // Declared keys are not enforced, so they are not Postgres' own.
  if (word === 'pg_constraint') return 'pg_constraint_of_redshift'
  if (word === 'pg_catalog' && nextWord(parts, i) === 'pg_constraint') return 'redshift'
  return part
}

function isArgumentOf(parts: readonly string[], i: number, name: RegExp): boolean {
  const before = parts.slice(Math.max(0, i - 4), i).filter((part) => part.trim() !== '')
  return before.at(-1) === '(' && name.test(before.at(-2) ?? '')
}

function nextWord(parts: readonly string[], i: number): string {
  return (
    parts
      .slice(i + 1, i + 6)
      .filter((part) => part.trim() !== '' && part !== '.')[0]
      ?.toLowerCase() ?? ''
  )
}
