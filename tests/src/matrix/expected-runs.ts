import type { Cell, Mode, Shape } from './expected-cells.ts'
import { personOf } from './matrix-syncs.ts'

/** The counts of a run that are not 0, and what the destination holds after it: the name of each person. */
export type ExpectedRun = {
  readonly counts: Readonly<Record<string, number>>
  readonly held: Readonly<Record<string, string>>
}

/** What becomes of the rows of a run. */
type Loaded = { readonly added: number; readonly changed?: number; readonly deleted?: number }

export function expectedFirst({ shape }: Pick<Cell, 'shape'>, table: string): ExpectedRun {
  return { counts: countsOf(shape, { added: 20 }), held: peopleOf(table, { upTo: 20 }) }
}

/** The second run, after the changes of `changesOf`; null where there is none. */
export function expectedSecond({ shape, mode }: Pick<Cell, 'shape' | 'mode'>, table: string): ExpectedRun | null {
  const followed = { upTo: 23, without: 3, changed: [1, 2] }
  const seconds: Readonly<Record<Mode, ExpectedRun | null>> = {
    one_time: null,
    // Nothing but new rows.
    append: { counts: countsOf(shape, { added: 3 }), held: peopleOf(table, { upTo: 23 }) },
    // All rows again. A profile whose row has gone stays; a lookup table is replaced as a whole.
    full: {
      counts: countsOf(shape, { added: 22 }),
      held: peopleOf(table, shape === 'lookup_table' ? followed : { upTo: 23, changed: [1, 2] }),
    },
    mirror: {
      counts: countsOf(shape, { added: 3, changed: 2, deleted: 1 }),
      held: peopleOf(table, followed),
    },
  }
  return seconds[mode]
}

/** Profiles do not tell new ones from changed ones: both are set. */
function countsOf(shape: Shape, { added, changed = 0, deleted = 0 }: Loaded): Record<string, number> {
  const set = added + changed
  const read = set + deleted
  const all =
    shape === 'events'
      ? { read, events: added, updates: changed, deletes: deleted }
      : shape === 'lookup_table'
        ? { read, lookupRows: set }
        : shape.startsWith('user')
          ? { read, userProfiles: read, userUpdates: set, userDeletes: deleted }
          : { read, groupProfiles: read, groupUpdates: set, groupDeletes: deleted }
  return Object.fromEntries(Object.entries(all).filter(([, n]) => n !== 0))
}

type People = { readonly upTo: number; readonly without?: number; readonly changed?: readonly number[] }

function peopleOf(table: string, { upTo, without, changed = [] }: People): Record<string, string> {
  const numbers = Array.from({ length: upTo }, (_, i) => i + 1).filter((n) => n !== without)
  return Object.fromEntries(numbers.map((n) => [personOf(table, n), n > 20 || changed.includes(n) ? 'new' : 'old']))
}
