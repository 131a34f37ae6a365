import { noCallBefore } from './keywords.ts'
import type { TokenReader } from './tokens.ts'

/** Where in a query the translation is, at one depth of brackets. */
export type Place = { inFrom: boolean; awaitsTable: boolean; readonly isCall: boolean }

/** Whether a word of the keywords is one here, and no name. The reader stands before it. */
export function isUsedAsKeyword(word: string, reader: TokenReader, pieces: readonly string[]): boolean {
  if (word === 'FIRST' || word === 'LAST') return pieces.at(-1) === 'NULLS'
  if (word === 'ROW') return pieces.at(-1) === 'CURRENT' || pieces.at(-1) === 'FOLLOWING'
  if (word === 'ROWS' || word === 'RANGE')
    return reader.peek(1)?.value === 'BETWEEN' || reader.peek(1)?.value === 'UNBOUNDED'
  if (noCallBefore.has(word)) return reader.peek(1)?.value !== '('
  return true
}

/** Keeps in mind whether tables may come next. */
export function enterClause(word: string, reader: TokenReader, place: Place): void {
  if (word === 'FROM' && !place.isCall) {
    const before = reader.peek(-2)
    if (before?.kind === 'word' && before.value === 'DISTINCT') {
      const earlier = reader.peek(-3)?.value
      if (earlier === 'IS' || earlier === 'NOT') return
    }
    place.inFrom = true
    place.awaitsTable = true
  } else if (word === 'JOIN') place.awaitsTable = true
  else if (/^(SELECT|WHERE|GROUP|HAVING|QUALIFY|ORDER|LIMIT|UNION|EXCEPT|INTERSECT|MINUS|VALUES)$/.test(word)) {
    place.inFrom = false
    place.awaitsTable = false
  }
}
