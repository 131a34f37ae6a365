import type { ChangeOp } from '@millrace/domain/words.ts'
import type { ChangeSink } from '../change-sink.ts'
import { positionsOf } from '../columns-by-name.ts'
import type { ReadPlan, ReadResult } from '../warehouse.ts'
import type { Catalog } from './catalog.ts'
import { changesStatement } from './mirror-statements.ts'
import { readingOf } from './plan.ts'
import { readingOfPlan } from './plan-mirror.ts'
import { pinOf } from './plan-parts.ts'
import { malformed, RowEncoder, type TextRow } from './row-encoder.ts'
import { type Part, rowsStatement } from './statements.ts'

const ops: ReadonlySet<string> = new Set<ChangeOp>(['insert', 'update', 'delete'])

/** Hands the rows or changes of a part to the sink. Throws `pin_lost` when the version is gone. */
export async function readPart(
  { client, catalog }: Catalog,
  plan: ReadPlan,
  part: Part,
  sink: ChangeSink,
  signal: AbortSignal,
): Promise<ReadResult> {
  const pin = pinOf(plan)
  const sql =
    plan.mode === 'mirror'
      ? changesStatement(readingOfPlan(catalog, plan), part)
      : rowsStatement(readingOf(catalog, plan, pin), part)
  const handOver = plan.mode === 'mirror' ? changesTo(plan, sink) : rowsTo(plan, sink)
  let rows = 0
  await client.stream(sql, signal, async (batch) => {
    for (const row of batch) {
      rows++
      if (handOver(row)) continue
      await sink.drained()
      signal.throwIfAborted()
    }
  })
  return { rows }
}

/** What hands a row over; false when the sink asks to wait. */
type HandOver = (row: TextRow) => boolean

function rowsTo(plan: ReadPlan, sink: ChangeSink): HandOver {
  const encoder = new RowEncoder(pinOf(plan).rules, positionsOf(plan.identity, plan.schema.columns))
  return (row) => {
    encoder.encode(row)
    encoder.identify(row)
    const goOn = sink.insert(encoder.rowId, encoder.writer.buffer, 0, encoder.writer.length)
    encoder.shrink()
    return goOn
  }
}

function changesTo(plan: ReadPlan, sink: ChangeSink): HandOver {
  const { rules } = pinOf(plan)
  const encoder = new RowEncoder(rules, positionsOf(plan.identity, plan.schema.columns))
  const befores = positionsOf(
    plan.before.map(({ name }) => name),
    plan.schema.columns,
  )
  const old = new RowEncoder(
    befores.map((i) => rules[i]!),
    [],
    'b',
  )
  return (row) => {
    const op = row.op as ChangeOp
    if (!ops.has(op)) throw malformed('a change')
    if (plan.identity.length === 0) encoder.takeHash(row.h)
    else encoder.identify(row)
    if (op !== 'insert') old.encode(row)
    const before = op === 'insert' ? null : old.writer.buffer.subarray(0, old.writer.length)
    let goOn: boolean
    if (op === 'delete') goOn = sink.change(op, encoder.rowId, null, 0, 0, before)
    else {
      encoder.encode(row)
      goOn = sink.change(op, encoder.rowId, encoder.writer.buffer, 0, encoder.writer.length, before)
    }
    encoder.shrink()
    old.shrink()
    return goOn
  }
}
