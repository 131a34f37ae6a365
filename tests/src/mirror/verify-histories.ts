import fc from 'fast-check'
import { type History, historyArbitrary } from './history-arbitrary.ts'
import { createMirrorProject, type MirrorBase, type MirrorWorld } from './mirror-world.ts'
import { verifyHistory } from './verify-history.ts'

export type VerifyOptions = {
  readonly histories: number
  readonly seed: number
  /** Only this one of them, counted from 0. */
  readonly only?: number | undefined
  /** How many are played at once. */
  readonly concurrency: number
  /** The first mismatch ends the rest when it is aborted elsewhere. */
  readonly signal?: AbortSignal
  readonly say: (line: string) => void
}

export type VerifyResult = { readonly runs: number; readonly mismatches: readonly number[] }

/** As many as play side by side in one destination project. */
const historiesPerProject = 50

/** The histories of a seed; the same for as many as one asks for. */
export function historiesOf(
  world: Pick<MirrorWorld, 'warehouse'>,
  { histories, seed }: Pick<VerifyOptions, 'histories' | 'seed'>,
): readonly History[] {
  return fc.sample(historyArbitrary(world.warehouse.kinds), { seed, numRuns: histories })
}

/** Plays the histories of a seed, some at a time, each with a table and a sync of its own, and tells which ended in a mismatch. */
export async function verifyHistories(base: MirrorBase, options: VerifyOptions): Promise<VerifyResult> {
  const { only, concurrency, signal, say } = options
  const histories = historiesOf(base, options)
  const wanted = [...histories.keys()].filter((index) => only === undefined || index === only)
  const worlds: Promise<MirrorWorld>[] = []
  const worldOf = (index: number) =>
    (worlds[Math.floor(index / historiesPerProject)] ??= createMirrorProject(base, `histories ${index}`))
  const mismatches: number[] = []
  const started = performance.now()
  let runs = 0
  let done = 0
  const work = async () => {
    for (let index = wanted.shift(); index !== undefined; index = wanted.shift()) {
      signal?.throwIfAborted()
      try {
        const played = await verifyHistory(await worldOf(index), `h${index}`, histories[index]!)
        runs += played
      } catch (error) {
        mismatches.push(index)
        say(`MISMATCH in history ${index}: ${error instanceof Error ? error.message : error}`)
      }
      done++
      const seconds = ((performance.now() - started) / 1000).toFixed(0)
      if (done % 10 === 0 || wanted.length === 0)
        say(`${done} histories, ${runs} runs, ${mismatches.length} mismatches after ${seconds} s`)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, work))
  return { runs, mismatches: mismatches.sort((a, b) => a - b) }
}
