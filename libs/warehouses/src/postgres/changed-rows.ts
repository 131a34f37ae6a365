import type { ColumnType } from '@millrace/domain/row-schema.ts'
import type { ChangeSink } from '../change-sink.ts'
import type { BucketChange } from './bucket-change.ts'
import type { ChangesWriter } from './changes-writer.ts'
import type { Session } from './connect.ts'
import { cutColumns } from './cut-columns.ts'
import { postgresError } from './errors.ts'
import { beforeOf } from './kept-entries.ts'
import { type Compared, placeBytes, rowsStatement } from './mirror-statements.ts'
import { PlacedRowEncoder } from './placed-row-encoder.ts'
import { RowEncoder } from './row-encoder.ts'
import { RowStream } from './row-stream.ts'
import { typeRules } from './types.ts'

export type ChangedRowsRequest = {
  readonly session: Session
  readonly compared: Compared
  /** Positions of the before-columns. */
  readonly before: readonly number[]
  readonly hasParts: boolean
  readonly writer: ChangesWriter
}

/**
 * Reads the changed rows of some buckets by their places, in the snapshot in which they were found, sets them aside with what they
 * were, and fills in what will be kept of them.
 */
export async function readChangedRows(
  { session, compared, before, hasParts, writer }: ChangedRowsRequest,
  buckets: readonly BucketChange[],
): Promise<void> {
  const wanted = wantedRows(buckets)
  if (wanted.length === 0) return
  const rules = compared.columns.map(({ rule }) => rule)
  const encoder = new PlacedRowEncoder(new RowEncoder(rules, compared.identity))
  const types: readonly ColumnType[] = rules.map((rule) => typeRules[rule].column)
  let found = 0
  const sink: Pick<ChangeSink, 'insert' | 'drained'> = {
    insert(_rowId, row, _start, end) {
      const match = findRow(wanted, encoder.place)
      if (match === null) return true
      found++
      const { bucket, nth } = match
      const j = bucket.changed[nth]!
      const oldAt = bucket.oldOf[j]!
      // What cutColumns gives is a copy: the encoder's buffer is for the next row.
      bucket.befores[nth] = cutColumns(row.subarray(0, end), types, before)
      const old = oldAt < 0 ? null : beforeOf(bucket.old, oldAt)
      writer.add(old === null ? 'insert' : 'update', bucket.packed, j * bucket.width, old, row, end)
      return !writer.isFull
    },
    drained: () => writer.flush(),
  }
  const places = wanted.map(({ place }) => textOfPlace(place))
  const values = [arrayText(places.map(({ ctid }) => ctid))]
  if (hasParts) values.push(arrayText(places.map(({ part, ctid }) => `${part}${ctid}`)))
  const stream = new RowStream(rowsStatement(compared, hasParts), values, encoder, sink)
  session.client.query(stream)
  try {
    await stream.done
  } catch (error) {
    throw stream.sinkFailure ?? postgresError(error)
  }
  if (found !== wanted.length) throw new Error('rows are not where the snapshot has them')
}

type Wanted = { readonly place: Buffer; readonly bucket: BucketChange; readonly nth: number }

/** The changed rows in the order of their places. */
function wantedRows(buckets: readonly BucketChange[]): readonly Wanted[] {
  const rows: Wanted[] = []
  for (const bucket of buckets)
    for (let nth = 0; nth < bucket.changed.length; nth++) {
      const end = (bucket.changed[nth]! + 1) * bucket.width
      rows.push({ place: bucket.packed.subarray(end - placeBytes, end), bucket, nth })
    }
  return rows.sort((a, b) => a.place.compare(b.place))
}

function findRow(rows: readonly Wanted[], place: Buffer): Wanted | null {
  let low = 0
  let high = rows.length - 1
  while (low <= high) {
    const middle = (low + high) >> 1
    const row = rows[middle]!
    const order = row.place.compare(place)
    if (order === 0) return row
    if (order < 0) low = middle + 1
    else high = middle - 1
  }
  return null
}

/** oid of the part, then the row's page and number there, as their types' send functions write them. */
function textOfPlace(place: Buffer): { readonly part: number; readonly ctid: string } {
  return { part: place.readUInt32BE(0), ctid: `(${place.readUInt32BE(4)},${place.readUInt16BE(8)})` }
}

function arrayText(texts: readonly string[]): string {
  return `{${texts.map((text) => `"${text}"`).join(',')}}`
}
