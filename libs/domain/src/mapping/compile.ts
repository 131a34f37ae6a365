import { MillraceError } from '../errors.ts'
import type { Column, RowSchema } from '../row-schema.ts'
import type { AvroReader } from '../wire/avro-reader.ts'
import type { ChangeCursor } from '../wire/change-batch.ts'
import type { UpdateBatchBuilder } from '../wire/update-batch.ts'
import type { ChangeOp, TableType } from '../words.ts'
import { EventTransform } from './event-transform.ts'
import { HistoryTransform } from './history-transform.ts'
import { LookupTransform } from './lookup-transform.ts'
import type { Mapping } from './mapping.ts'
import type { MappingContext } from './mapping-context.ts'
import { ProfileTransform } from './profile-transform.ts'
import { RowFields } from './row-fields.ts'
import { type RowInput, type RowTransform, reject, rejectTooLarge } from './row-transform.ts'
import { type MappingProblem, validateMapping } from './validate.ts'

/** The mapping does not fit the table; `problems` says where. */
export class MappingError extends MillraceError {
  readonly problems: readonly MappingProblem[]

  constructor(problems: readonly MappingProblem[]) {
    super(
      'mapping_invalid',
      `The mapping does not fit the table: ${problems.map((each) => each.message).join(' ')}`,
      problems.map((each) => each.hint).join(' '),
    )
    this.problems = problems
  }
}

export type CompiledMapping = {
  readonly tableType: TableType
  /**
   * Writes one row as one update or one reject of `out`: an insert, or a change of a type without mirror. The Row is at [rowStart, rowEnd) of `buffer`, its 32-byte
   * row id at `rowIdStart` of the same buffer; `rowStart` is -1 for a change without a row, which is a reject:
   * `row_too_large` for an insert or update.
   *
   * Total and deterministic: the same bytes and `nowMs` give the same output on every machine, and no content of a
   * column makes it throw. Bytes that are no Row of the schema throw `AvroError`.
   */
  transform(
    op: ChangeOp,
    ordinal: number,
    rowIdStart: number,
    buffer: Buffer,
    rowStart: number,
    rowEnd: number,
    nowMs: number,
    out: UpdateBatchBuilder,
  ): void
  /** All changes of a batch that are left in the cursor, those with before-images too (mapping/write-change.ts). */
  transformBatch(cursor: ChangeCursor, nowMs: number, out: UpdateBatchBuilder): void
}

/**
 * Compiles a mapping once for one writer's schema, for use on every row. Not for use by two batches at the same time:
 * it keeps the positions of the current row.
 *
 * Throws `MappingError` when the mapping does not fit the schema.
 */
export function compileMapping(options: {
  readonly mapping: Mapping
  readonly schema: RowSchema
  /** The columns of Before in the writer's schema; none when the rows are inserts only. */
  readonly before?: readonly Column[]
  readonly context: MappingContext
}): CompiledMapping {
  const { mapping, schema, before = [], context } = options
  const problems = validateMapping(mapping, schema)
  if (problems.length > 0) throw new MappingError(problems)
  const target = transformFor(mapping, schema, before, context)
  const fields = new RowFields(schema)
  const old = new RowFields({ columns: before })
  const row: RowInput = { op: 'insert', ordinal: 0, rowIdStart: 0, hasRow: false, fields, hasOld: false, old, nowMs: 0 }
  const transform: CompiledMapping['transform'] = (op, ordinal, rowIdStart, buffer, rowStart, rowEnd, nowMs, out) => {
    row.op = op
    row.ordinal = ordinal
    row.rowIdStart = rowIdStart
    row.nowMs = nowMs
    row.hasRow = rowStart >= 0
    row.hasOld = false
    if (row.hasRow) fields.scan(buffer, rowStart, rowEnd)
    else fields.buffer = buffer
    writeRow(target, row, out)
  }
  // The columns are found while the cursor walks over the row.
  const walkRow = (reader: AvroReader) => fields.walk(reader)
  const walkBefore = (reader: AvroReader) => old.walk(reader)
  return {
    tableType: mapping.tableType,
    transform,
    transformBatch(cursor, nowMs, out) {
      row.nowMs = nowMs
      fields.buffer = cursor.buffer
      while (cursor.next(walkRow, walkBefore)) {
        row.op = cursor.op
        row.ordinal = cursor.ordinal
        row.rowIdStart = cursor.rowIdStart
        row.hasRow = cursor.rowStart >= 0
        row.hasOld = cursor.beforeStart >= 0
        writeRow(target, row, out)
      }
    },
  }
}

function writeRow(target: RowTransform, row: RowInput, out: UpdateBatchBuilder): void {
  if (row.op !== 'insert' && target.change) target.change(row, out)
  else if (row.hasRow) target.write(row, out)
  // The extractor leaves out the columns of a row for its size.
  else if (row.op !== 'delete') rejectTooLarge(row, out)
  else reject(row, out, 'value_invalid', '', 'The delete carries no row.')
}

function transformFor(
  mapping: Mapping,
  schema: RowSchema,
  before: readonly Column[],
  context: MappingContext,
): RowTransform {
  switch (mapping.tableType) {
    case 'events':
      return new EventTransform(mapping, schema, before, context)
    case 'user_profiles':
    case 'group_profiles':
      return mapping.profileKind === 'history'
        ? new HistoryTransform(mapping, schema, before, context)
        : new ProfileTransform(mapping, schema)
    case 'lookup_table':
      return new LookupTransform(mapping, schema)
  }
}
