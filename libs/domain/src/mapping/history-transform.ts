import { InsertIds, insertIdLength } from '../identity/insert-id.ts'
import { describeProblem } from '../json/problem.ts'
import { jsonStringMax, writeJsonString } from '../json/string-writer.ts'
import type { Column, RowSchema } from '../row-schema.ts'
import { integerTextMax, writeInteger } from '../text/integer-text.ts'
import type { UpdateBatchBuilder } from '../wire/update-batch.ts'
import { EventKey } from './event-key.ts'
import { isGoodId, isUsableId } from './id-check.ts'
import { IdColumn } from './id-column.ts'
import { bodyBytesLimit, profilePropertiesMax } from './limits.ts'
import type { GroupProfilesMapping, UserProfilesMapping } from './mapping.ts'
import type { MappingContext } from './mapping-context.ts'
import { PropertyWriter } from './property-writer.ts'
import { type RowInput, reject } from './row-transform.ts'
import { TimeColumn } from './time-column.ts'
import { type KeyedTransform, writeChange } from './write-change.ts'

/**
 * A row of a history table (SCD type 2): what a profile was from `$time` on, until the next row of the same id. The end is
 * not written: the destination infers it when it reads, so a row that comes late or goes away changes no other row.
 *
 *   {"$distinct_id":ID,"$time":MS,"$insert_id":HEX36,"$event":TABLE,"$warehouse_import_id":S,"$warehouse_type":S,"$set":{…}}
 *   {"$group_key":KEY,"$group_id":ID,"$time":…                                                            ,"$set":{…}}
 *   delete, retract: {(ID as above),"$time":MS,"$insert_id":HEX36,"$event":TABLE,"$delete":""}
 *
 * `$event` is the hidden event, named after the table, that the destination keeps at the same time for the same id; it comes
 * and goes with the row. A row is all of a profile at its time, so a NULL column is a property that the profile has not.
 */
export class HistoryTransform implements KeyedTransform {
  readonly key: EventKey
  readonly oldKey: EventKey
  readonly #time: TimeColumn
  readonly #id: IdColumn
  readonly #isUser: boolean
  readonly #start: Buffer
  readonly #eventEnd: Buffer
  readonly #deleteEnd: Buffer
  readonly #insertIds: InsertIds
  readonly #properties: PropertyWriter

  constructor(
    mapping: UserProfilesMapping | GroupProfilesMapping,
    schema: RowSchema,
    before: readonly Column[],
    context: MappingContext,
  ) {
    this.#isUser = mapping.tableType === 'user_profiles'
    const userId = mapping.tableType === 'user_profiles' ? mapping.userId : mapping.groupId
    const time = mapping.startTime ?? '' // validateMapping asks for one
    this.key = new EventKey(schema.columns, { time, userId })
    this.oldKey = new EventKey(before, { time, userId })
    this.#time = new TimeColumn(schema.columns, time, 'start time of the profile')
    this.#id = new IdColumn(schema, userId)
    this.#start = Buffer.from(
      mapping.tableType === 'user_profiles'
        ? '{"$distinct_id":'
        : `{"$group_key":${JSON.stringify(mapping.groupKey)},"$group_id":`,
    )
    const event = `","$event":${JSON.stringify(tableName(schema.table))}`
    this.#eventEnd = Buffer.from(
      `${event},"$warehouse_import_id":${JSON.stringify(context.importId)},"$warehouse_type":${JSON.stringify(context.warehouse)},"$set":`,
    )
    this.#deleteEnd = Buffer.from(`${event},"$delete":""}`)
    this.#insertIds = new InsertIds(context.syncId, context.generation)
    this.#properties = new PropertyWriter(mapping, schema, [])
  }

  write(row: RowInput, out: UpdateBatchBuilder): void {
    const id = this.#id
    const timeMs = this.#time.readStrict(row, out)
    if (Number.isNaN(timeMs)) return
    if (!id.load(row.fields)) {
      reject(row, out, 'id_missing', id.name, 'The id of the profile is NULL.')
      return
    }
    if (!(this.#isUser ? isGoodId(id, row, out) : isUsableId(id, row, out))) return
    const { writer } = out
    let field = id.name
    let problem = this.#begin(row.op, row, id.source, id.start, id.end, timeMs, this.#eventEnd, out)
    if (problem >= 0) {
      const open = writer.length
      problem = this.#properties.write(row.fields, writer)
      field = this.#properties.field
      // The comma in front of the first member becomes the opening bracket.
      if (writer.length === open) writer.writeRaw(openSet, 0, 1)
      else writer.buffer[open] = 123
      writer.writeRaw(closeAll, 0, 2)
    }
    const { count } = this.#properties
    const size = out.bodyBytes
    if (problem < 0) {
      out.abandon()
      const { code, message } = describeProblem(problem)
      reject(row, out, code, field, message)
    } else if (count > profilePropertiesMax) {
      out.abandon()
      const message = `The profile has ${count} properties; at most ${profilePropertiesMax} are taken.`
      reject(row, out, 'too_many_properties', '', message)
    } else if (size >= bodyBytesLimit) {
      out.abandon()
      reject(row, out, 'too_large', '', `The update has ${size} bytes of JSON; it must stay below ${bodyBytesLimit}.`)
    } else out.commit()
  }

  change(row: RowInput, out: UpdateBatchBuilder): void {
    writeChange(this, row, out)
  }

  writeOld(op: 'delete' | 'retract', row: RowInput, out: UpdateBatchBuilder): boolean {
    const { id, idLength, timeMs } = this.oldKey
    const isWritten = idLength > 0 && this.#begin(op, row, id, 0, idLength, timeMs, this.#deleteEnd, out) >= 0
    if (isWritten) out.commit()
    else if (idLength > 0) out.abandon()
    return isWritten
  }

  /** Begins an update and writes it up to and with `end`; below 0 for an id that no JSON can hold. */
  #begin(
    op: RowInput['op'] | 'retract',
    row: RowInput,
    id: Buffer,
    idStart: number,
    idEnd: number,
    timeMs: number,
    end: Buffer,
    out: UpdateBatchBuilder,
  ): number {
    const source = row.fields.buffer
    out.begin(op, row.ordinal, source, row.rowIdStart, id, idStart, idEnd)
    const { writer } = out
    writer.writeRaw(this.#start, 0, this.#start.length)
    writer.ensure(jsonStringMax(idEnd - idStart) + 64 + integerTextMax + insertIdLength)
    const { buffer } = writer
    let at = writeJsonString(id, idStart, idEnd, buffer, writer.length)
    if (at < 0) return at
    at = writeInteger(buffer, at + timeKey.copy(buffer, at), timeMs)
    at = this.#insertIds.write(source, row.rowIdStart, buffer, at + insertIdKey.copy(buffer, at))
    writer.length = at
    writer.writeRaw(end, 0, end.length)
    return 0
  }
}

const timeKey = Buffer.from(',"$time":')
const insertIdKey = Buffer.from(',"$insert_id":"')
const openSet = Buffer.from('{')
const closeAll = Buffer.from('}}')

/** `users` of `public.users`. */
function tableName(table: string): string {
  return table.slice(table.indexOf('.') + 1)
}
