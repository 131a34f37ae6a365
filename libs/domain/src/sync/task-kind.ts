/**
 * Leased work of a run: make the plan, read one chunk, count identical rows, write `run_end`; after the run's end,
 * remove what it left in the warehouse.
 */
export const taskKinds = ['plan', 'read', 'count', 'close', 'clean'] as const
export type TaskKind = (typeof taskKinds)[number]
