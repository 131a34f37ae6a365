import { createHash } from 'node:crypto'

/** What a catalogue found of a table; `rule` is the warehouse's own name for how a type is carried. */
type Fingerprinted = {
  readonly columns: readonly { readonly name: string; readonly sourceType: string; readonly rule: string }[]
  readonly key: readonly string[]
}

/** Changes when a column, its type or the key does: a run that was planned with another one must not go on. */
export function schemaFingerprint(found: Fingerprinted): string {
  const parts = [found.columns.map(({ name, sourceType, rule }) => [name, sourceType, rule]), found.key]
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}
