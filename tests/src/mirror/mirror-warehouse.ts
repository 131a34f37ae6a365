import type { WarehouseKind } from '@millrace/domain/words.ts'
import type { PipelineProject } from '@millrace/local-stack/pipeline-client.ts'
import type { Stack } from '@millrace/local-stack/stack.ts'
import type { CellKinds } from './cell-arbitrary.ts'
import type { Shape } from './history-arbitrary.ts'
import type { Dml, ModelTable } from './model-table.ts'

/**
 * A warehouse on which histories are played: a stand-in, what its tables can hold, and how a stack reads from it. One folder each; a new one is
 * added to `openMirrorWarehouse`.
 */
export type MirrorWarehouse = {
  readonly kind: WarehouseKind
  readonly kinds: CellKinds
  /** The schema or dataset of the tables. */
  readonly schema: string
  /** Environment of the services that reach it. */
  readonly endpoints: Readonly<Record<string, string>>
  /** Whether a sync can go on after a column was dropped, with all rows that differ sent again; else only a resync helps. */
  readonly continuesWithoutColumn: boolean
  /** The text of a decimal as the warehouse prints it, from its shortest one. */
  decimalText(shortest: string): string
  /** A source of the project, which must be allowed to read the tables and to write the staging place. Gives its id. */
  createSource(stack: Stack, project: PipelineProject): Promise<string>
  /** Makes the table with its columns and key, without rows. */
  createTable(table: ModelTable, partition: Shape['partition']): Promise<void>
  /** Runs statements on a table that is as given. */
  apply(table: ModelTable, dml: readonly Dml[]): Promise<void>
  dropTable(name: string): Promise<void>
  dropColumn(table: string, column: string): Promise<void>
  /** Names of all that stands in the staging place: snapshots and rows that were set aside. */
  staged(): Promise<readonly string[]>
  /** The next comparison of two snapshots stands still once it is at work; gives when it is, and what lets it go on. */
  holdComparison(): { readonly reached: Promise<void>; release(): void }
  /** The snapshots of all syncs go, as they do after a while or by someone's hand. */
  loseSnapshots(): Promise<void>
  close(): Promise<void>
}
