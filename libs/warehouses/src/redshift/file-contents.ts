import type { TableRef } from '../warehouse.ts'
import { quoteTable } from './identifiers.ts'
import { changesOnly } from './mirror-statements.ts'
import { prelude } from './statements.ts'
import type { TypeRuleName } from './types.ts'
import type { UnloadParts } from './unload.ts'

/** What is unloaded, and the statements that must run before. */
export type FileContents = Omit<UnloadParts, 'place' | 'iamRole'> & { readonly prelude: readonly string[] }

/** The files of a run's rows: its columns. */
export function rowFiles(results: TableRef, rules: readonly TypeRuleName[], rows: number): FileContents {
  const columns = rules.map((rule, i) => ({ rule, name: `c${i}` }))
  return { columns, from: quoteTable(results), rows, prelude: prelude(rules) }
}

/** The files of a mirror run: what happened, the row's checksum, the before-columns, the columns. */
export function changeFiles(
  results: TableRef,
  rules: readonly TypeRuleName[],
  before: readonly TypeRuleName[],
  rows: number,
): FileContents {
  const columns = [
    { rule: 'decimal' as const, name: '_mp_change_type' },
    { rule: 'decimal' as const, name: '_mp_row_hash' },
    ...before.map((rule, i) => ({ rule, name: `b${i}` })),
    ...rules.map((rule, i) => ({ rule, name: `c${i}` })),
  ]
  return { columns, from: `${quoteTable(results)} ${changesOnly}`, rows, prelude: prelude([...rules, ...before]) }
}
