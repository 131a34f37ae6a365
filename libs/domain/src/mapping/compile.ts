import { MillraceError } from '../errors.ts'
import type { RowSchema } from '../row-schema.ts'
import type { AvroReader } from '../wire/avro-reader.ts'
import type { ChangeCursor } from '../wire/change-batch.ts'
import type { UpdateBatchBuilder } from '../wire/update-batch.ts'
import type { ChangeOp, TableType } from '../words.ts'
import { EventTransform } from './event-transform.ts'
import { LookupTransform } from './lookup-transform.ts'
import type { Mapping } from './mapping.ts'
import type { MappingContext } from './mapping-context.ts'
import { ProfileTransform } from './profile-transform.ts'
import { RowFields } from './row-fields.ts'
import { type RowInput, type RowTransform, reject } from './row-transform.ts'
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
   * Writes one change as one update or one reject of `out`. The Row is at [rowStart, rowEnd) of `buffer`, its 32-byte
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
  /** `transform` for all changes of a batch that are left in the cursor. */
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
  readonly context: MappingContext
}): CompiledMapping {
  const { mapping, schema, context } = options
  const problems = validateMapping(mapping, schema)
  if (problems.length > 0) throw new MappingError(problems)
  const target = transformFor(mapping, schema, context)
  const fields = new RowFields(schema)
  const row: RowInput = { op: 'insert', ordinal: 0, rowIdStart: 0, fields, nowMs: 0 }
  const transform: CompiledMapping['transform'] = (op, ordinal, rowIdStart, buffer, rowStart, rowEnd, nowMs, out) => {
    row.op = op
    row.ordinal = ordinal
    row.rowIdStart = rowIdStart
    row.nowMs = nowMs
    if (rowStart < 0) {
      rejectRowless(row, buffer, out)
      return
    }
    fields.scan(buffer, rowStart, rowEnd)
    target.write(row, out)
  }
  // The columns are found while the cursor walks over the row.
  const walkRow = (reader: AvroReader) => fields.walk(reader)
  return {
    tableType: mapping.tableType,
    transform,
    transformBatch(cursor, nowMs, out) {
      row.nowMs = nowMs
      while (cursor.next(walkRow)) {
        row.op = cursor.op
        row.ordinal = cursor.ordinal
        row.rowIdStart = cursor.rowIdStart
        if (cursor.rowStart < 0) rejectRowless(row, cursor.buffer, out)
        else target.write(row, out)
      }
    },
  }
}

/** Only a delete may name its row by the id alone; the extractor leaves out the columns of any other row for its size. */
function rejectRowless(row: RowInput, buffer: Buffer, out: UpdateBatchBuilder): void {
  row.fields.buffer = buffer
  if (row.op === 'delete') reject(row, out, 'value_invalid', '', 'The delete carries no row.')
  else reject(row, out, 'row_too_large', '', 'The row is larger than the extractor publishes.')
}

function transformFor(mapping: Mapping, schema: RowSchema, context: MappingContext): RowTransform {
  switch (mapping.tableType) {
    case 'events':
      return new EventTransform(mapping, schema, context)
    case 'user_profiles':
    case 'group_profiles':
      return new ProfileTransform(mapping, schema)
    case 'lookup_table':
      return new LookupTransform(mapping, schema)
  }
}
