import { emptyTable, type History } from './history-arbitrary.ts'
import type { MirrorWorld } from './mirror-world.ts'
import { createMirroredTable } from './mirrored-table.ts'
import { type Dml, rowText } from './model-table.ts'
import { firstRows, playCommands } from './play-commands.ts'

/** A history after which source and destination were not the same; the cause says what differs. */
export class MirrorMismatchError extends Error {
  constructor(history: string, run: number, dml: readonly Dml[], cause: unknown) {
    const statements = dml.map((each) => `  ${dmlText(each)}`).join('\n')
    super(
      `${history}, run ${run}, after\n${statements || '  nothing'}\n${cause instanceof Error ? cause.message : cause}`,
      { cause },
    )
    this.name = 'MirrorMismatchError'
  }
}

/** Plays a history and runs its sync after each round. Throws MirrorMismatchError. Gives the number of runs. */
export async function verifyHistory(
  world: MirrorWorld,
  name: string,
  { shape, rows, rounds }: History,
): Promise<number> {
  const mirrored = await createMirroredTable(world, emptyTable(shape, name), shape.sync, shape)
  let { dml } = firstRows(shape, mirrored.table, rows)
  for (let run = 0; run <= rounds.length; run++) {
    if (run > 0) dml = playCommands(shape, mirrored.table, rounds[run - 1]!).dml
    try {
      await mirrored.apply(dml)
      await mirrored.assertRun(await mirrored.startRun())
    } catch (error) {
      throw new MirrorMismatchError(name, run + 1, dml, error)
    }
  }
  await mirrored.drop()
  return rounds.length + 1
}

function dmlText(dml: Dml): string {
  if (dml.kind === 'add_column') return `add column ${dml.column.name} ${dml.column.type}`
  if (dml.kind === 'insert') return `insert ${dml.rows.map(rowText).join('; ')}`
  const which = dml.all ? 'all ' : ''
  return dml.kind === 'delete'
    ? `delete ${which}${rowText(dml.row)}`
    : `update ${which}${rowText(dml.row)} to ${rowText(dml.to)}`
}
