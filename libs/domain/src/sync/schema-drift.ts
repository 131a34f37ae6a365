import type { Column, RowSchema } from '../row-schema.ts'

/** How a table differs from what it was when the sync last read it. */
export type SchemaDifference = {
  readonly added: readonly Column[]
  readonly dropped: readonly Column[]
  readonly renamed: readonly { readonly from: Column; readonly to: Column }[]
  readonly retyped: readonly { readonly from: Column; readonly to: Column }[]
  /** Columns stand in another order, or a new one stands before old ones: the checksum of every row changes. */
  readonly isReordered: boolean
  readonly key: { readonly from: readonly string[]; readonly to: readonly string[] } | null
}

export type SchemaDrift =
  | { readonly kind: 'none' }
  /** The new columns flow through: where they are NULL no row has changed. */
  | { readonly kind: 'added'; readonly columns: readonly Column[] }
  /** Nothing may be sent before a person has chosen to continue (send what differs again) or to resync. */
  | {
      readonly kind: 'stop'
      readonly code: 'schema_changed'
      readonly difference: SchemaDifference
      readonly message: string
      readonly hint: string
    }

/** Compares the schema of a sync's last run with the one in the warehouse's catalogue now, before anything is sent. */
export function checkSchemaDrift(old: RowSchema, now: RowSchema): SchemaDrift {
  const difference = differenceOf(old, now)
  const { added, dropped, renamed, retyped, isReordered, key } = difference
  if (dropped.length === 0 && renamed.length === 0 && retyped.length === 0 && !isReordered && key === null)
    return added.length === 0 ? { kind: 'none' } : { kind: 'added', columns: added }
  return {
    kind: 'stop',
    code: 'schema_changed',
    difference,
    message: `${quote(now.table)} has changed since the last run: ${describe(difference).join('; ')}. Nothing was sent.`,
    hint: 'Continue to send every row that differs now, or resync to start anew. Check the mapping first when it names one of these columns.',
  }
}

function differenceOf(old: RowSchema, now: RowSchema): SchemaDifference {
  const find = (schema: RowSchema, name: string) => schema.columns.find((each) => each.name === name)
  const gone = old.columns.filter(({ name }) => find(now, name) === undefined)
  const come = now.columns.filter(({ name }) => find(old, name) === undefined)
  const renamed = gone.flatMap((from) => {
    const to = now.columns[old.columns.indexOf(from)]
    return to !== undefined && come.includes(to) && isSameType(from, to) ? [{ from, to }] : []
  })
  const kept = old.columns.filter((column) => !gone.includes(column))
  const added = come.filter((column) => !renamed.some(({ to }) => to === column))
  return {
    added,
    dropped: gone.filter((column) => !renamed.some(({ from }) => from === column)),
    renamed,
    retyped: kept.flatMap((from) => {
      const to = find(now, from.name)
      return to !== undefined && !isSameType(from, to) ? [{ from, to }] : []
    }),
    isReordered: isReordered(kept, added, now.columns),
    key:
      old.key.length === now.key.length && old.key.every((name, i) => name === now.key[i])
        ? null
        : { from: old.key, to: now.key },
  }
}

/** Old columns must come first, in their old order. */
function isReordered(kept: readonly Column[], added: readonly Column[], now: readonly Column[]): boolean {
  const old = now.filter((column) => !added.includes(column))
  const order = old.filter(({ name }) => kept.some((each) => each.name === name))
  return old.some((column, i) => column !== now[i]) || kept.some(({ name }, i) => name !== order[i]?.name)
}

function isSameType(a: Column, b: Column): boolean {
  return a.type === b.type && a.sourceType === b.sourceType
}

function describe({ added, dropped, renamed, retyped, isReordered, key }: SchemaDifference): string[] {
  const names = (columns: readonly string[]) => (columns.length === 0 ? 'none' : columns.map(quote).join(', '))
  return [
    ...dropped.map(({ name }) => `column ${quote(name)} was dropped`),
    ...renamed.map(({ from, to }) => `column ${quote(from.name)} is called ${quote(to.name)} now`),
    ...retyped.map(({ from, to }) => `column ${quote(from.name)} is ${to.sourceType} instead of ${from.sourceType}`),
    ...(isReordered ? ['its columns stand in another order'] : []),
    ...(key === null ? [] : [`its primary key is ${names(key.to)} instead of ${names(key.from)}`]),
    ...added.map(({ name }) => `column ${quote(name)} was added`),
  ]
}

function quote(name: string): string {
  return JSON.stringify(name)
}
