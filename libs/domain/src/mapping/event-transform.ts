import { InsertIds, insertIdLength } from '../identity/insert-id.ts'
import { describeProblem } from '../json/problem.ts'
import { jsonStringMax, writeJsonString, writeJsonText } from '../json/string-writer.ts'
import type { Column, RowSchema } from '../row-schema.ts'
import { integerTextMax, writeInteger } from '../text/integer-text.ts'
import type { UpdateBatchBuilder } from '../wire/update-batch.ts'
import { devicePrefix, EventKey } from './event-key.ts'
import { isGoodId } from './id-check.ts'
import { IdColumn } from './id-column.ts'
import { bodyBytesLimit, eventNameBytesMax, eventPropertiesMax, idBytesMax, reservedEventProperties } from './limits.ts'
import type { EventsMapping } from './mapping.ts'
import type { MappingContext } from './mapping-context.ts'
import { PropertyWriter } from './property-writer.ts'
import { type RowInput, reject } from './row-transform.ts'
import { TimeColumn } from './time-column.ts'
import { type KeyedTransform, writeChange } from './write-change.ts'

/** time, distinct_id, $insert_id, $warehouse_import_id, $warehouse_type */
const fixedProperties = 5

/**
 * A row as an event:
 *
 *   {"event":NAME,"properties":{"time":MS,"distinct_id":ID,"$insert_id":HEX36[,"$user_id":U][,"$device_id":D],
 *    "$warehouse_import_id":S,"$warehouse_type":S(,PROPERTY:VALUE)*}}
 *
 *   delete, retract: {"event":NAME,"properties":{"time":MS,"distinct_id":ID,"$insert_id":HEX36}}
 *
 * distinct_id is the user id, else `$device:` and the device id, else empty (an event of nobody, which the sink keeps).
 */
export class EventTransform implements KeyedTransform {
  readonly key: EventKey
  readonly oldKey: EventKey
  readonly #time: TimeColumn
  readonly #nameIndex: number
  readonly #nameColumn: string
  readonly #staticName: Buffer
  readonly #user: IdColumn | null
  readonly #device: IdColumn | null
  readonly #insertIds: InsertIds
  readonly #suffix: Buffer
  readonly #properties: PropertyWriter

  constructor(mapping: EventsMapping, schema: RowSchema, before: readonly Column[], context: MappingContext) {
    const { eventName, time, userId, deviceId } = mapping
    const name = 'column' in eventName ? eventName.column : undefined
    this.key = new EventKey(schema.columns, { name, time, userId, deviceId })
    this.oldKey = new EventKey(before, { name, time, userId, deviceId })
    this.#time = new TimeColumn(schema.columns, time, 'time of the event')
    this.#nameColumn = name ?? ''
    this.#nameIndex = schema.columns.findIndex((column) => column.name === name)
    this.#staticName = Buffer.from('value' in eventName ? JSON.stringify(eventName.value) : '')
    this.#user = mapping.userId === undefined ? null : new IdColumn(schema, mapping.userId)
    this.#device = mapping.deviceId === undefined ? null : new IdColumn(schema, mapping.deviceId)
    this.#insertIds = new InsertIds(context.syncId, context.generation)
    this.#suffix = Buffer.from(
      `,"$warehouse_import_id":${JSON.stringify(context.importId)},"$warehouse_type":${JSON.stringify(context.warehouse)}`,
    )
    this.#properties = new PropertyWriter(mapping, schema, reservedEventProperties)
  }

  write(row: RowInput, out: UpdateBatchBuilder): void {
    const { fields } = row
    const timeMs = this.#time.readStrict(row, out)
    if (Number.isNaN(timeMs)) return
    const user = this.#user?.load(fields) ? this.#user : null
    const device = this.#device?.load(fields) ? this.#device : null
    if (user === null && device === null && (this.#user !== null || this.#device !== null)) {
      reject(
        row,
        out,
        'id_missing',
        (this.#user ?? this.#device)!.name,
        'Neither the user id nor the device id has a value.',
      )
      return
    }
    if (user !== null && !isGoodId(user, row, out)) return
    if (device !== null && !isGoodId(device, row, out)) return

    out.begin(row.op, row.ordinal, fields.buffer, row.rowIdStart, null, 0, 0)
    const { writer } = out
    writer.writeRaw(eventStart, 0, eventStart.length)
    if (!this.#writeName(row, out)) return
    if (!this.#writeFixed(row, timeMs, user, device, out)) return
    const properties = this.#properties
    const problem = properties.write(fields, writer)
    if (problem < 0) {
      out.abandon()
      const { code, message } = describeProblem(problem)
      reject(row, out, code, properties.field, message)
      return
    }
    writer.writeRaw(eventEnd, 0, 2)
    const count = properties.count + fixedProperties + (user === null ? 0 : 1) + (device === null ? 0 : 1)
    if (count > eventPropertiesMax) {
      out.abandon()
      reject(
        row,
        out,
        'too_many_properties',
        '',
        `The event has ${count} properties; at most ${eventPropertiesMax} are taken.`,
      )
    } else if (out.bodyBytes >= bodyBytesLimit) {
      const size = out.bodyBytes
      out.abandon()
      reject(row, out, 'too_large', '', `The event has ${size} bytes of JSON; it must stay below ${bodyBytesLimit}.`)
    } else out.commit()
  }

  change(row: RowInput, out: UpdateBatchBuilder): void {
    writeChange(this, row, out)
  }

  writeOld(op: 'delete' | 'retract', row: RowInput, out: UpdateBatchBuilder): boolean {
    const { timeMs, id, idLength, source, nameStart, nameEnd } = this.oldKey
    const { writer } = out
    out.begin(op, row.ordinal, row.fields.buffer, row.rowIdStart, null, 0, 0)
    writer.writeRaw(eventStart, 0, eventStart.length)
    const nameSize = nameEnd - nameStart
    writer.ensure(160 + this.#staticName.length + integerTextMax + jsonStringMax(nameSize) + jsonStringMax(idLength))
    const { buffer } = writer
    let at = writer.length
    if (this.#nameIndex < 0) at = put(this.#staticName, buffer, at)
    else at = writeJsonString(source, nameStart, nameEnd, buffer, at)
    if (at >= 0) at = writeInteger(buffer, put(timeKey, buffer, at), timeMs)
    if (at >= 0) at = writeJsonText(id, 0, idLength, buffer, put(distinctIdKey, buffer, at))
    if (at < 0) {
      out.abandon() // text that no JSON can hold: the row was a reject
      return false
    }
    at = this.#insertIds.write(row.fields.buffer, row.rowIdStart, buffer, put(insertIdKey, buffer, at))
    writer.length = put(oldEnd, buffer, at)
    out.commit()
    return true
  }

  /** False after a reject. */
  #writeName(row: RowInput, out: UpdateBatchBuilder): boolean {
    const { writer } = out
    if (this.#nameIndex < 0) {
      writer.writeRaw(this.#staticName, 0, this.#staticName.length)
      return true
    }
    const { starts, ends, buffer } = row.fields
    const start = starts[this.#nameIndex]!
    const size = ends[this.#nameIndex]! - start
    if (start < 0 || size === 0) {
      out.abandon()
      reject(row, out, 'event_name_missing', this.#nameColumn, 'The name of the event is NULL or empty.')
      return false
    }
    if (size > eventNameBytesMax) {
      out.abandon()
      reject(
        row,
        out,
        'event_name_invalid',
        this.#nameColumn,
        `The name of the event is longer than ${eventNameBytesMax} bytes.`,
      )
      return false
    }
    writer.ensure(jsonStringMax(size))
    return advanceOrReject(
      writeJsonString(buffer, start, start + size, writer.buffer, writer.length),
      this.#nameColumn,
      row,
      out,
    )
  }

  /** The properties that Millrace adds. False after a reject. */
  #writeFixed(
    row: RowInput,
    timeMs: number,
    user: IdColumn | null,
    device: IdColumn | null,
    out: UpdateBatchBuilder,
  ): boolean {
    const { writer } = out
    writer.ensure(160 + integerTextMax + insertIdLength + 4 * jsonStringMax(idBytesMax))
    const { buffer } = writer
    let at = put(timeKey, buffer, writer.length)
    at = writeInteger(buffer, at, timeMs)
    at = put(distinctIdKey, buffer, at)
    if (user !== null) {
      at = writeJsonText(user.source, user.start, user.end, buffer, at)
      if (at < 0) return advanceOrReject(at, user.name, row, out)
    } else if (device !== null) {
      at = put(devicePrefix, buffer, at)
      at = writeJsonText(device.source, device.start, device.end, buffer, at)
      if (at < 0) return advanceOrReject(at, device.name, row, out)
    }
    at = put(insertIdKey, buffer, at)
    at = this.#insertIds.write(row.fields.buffer, row.rowIdStart, buffer, at)
    buffer[at++] = 34
    if (user !== null) at = putId(userIdKey, user, buffer, at)
    if (device !== null) {
      at = putId(deviceIdKey, device, buffer, at)
      if (at < 0) return advanceOrReject(at, device.name, row, out)
    }
    writer.length = at
    writer.writeRaw(this.#suffix, 0, this.#suffix.length)
    return true
  }
}

const eventStart = Buffer.from('{"event":')
const timeKey = Buffer.from(',"properties":{"time":')
const distinctIdKey = Buffer.from(',"distinct_id":"')
const insertIdKey = Buffer.from('","$insert_id":"')
const userIdKey = Buffer.from(',"$user_id":')
const deviceIdKey = Buffer.from(',"$device_id":')
const eventEnd = Buffer.from('}}')
const oldEnd = Buffer.from('"}}')

function put(source: Buffer, target: Buffer, at: number): number {
  for (let i = 0; i < source.length; i++) target[at++] = source[i]!
  return at
}

function putId(key: Buffer, id: IdColumn, target: Buffer, at: number): number {
  return writeJsonString(id.source, id.start, id.end, target, put(key, target, at))
}

/** False after a reject, which takes back the update that was begun. */
function advanceOrReject(at: number, field: string, row: RowInput, out: UpdateBatchBuilder): boolean {
  if (at >= 0) {
    out.writer.length = at
    return true
  }
  out.abandon()
  const { code, message } = describeProblem(at)
  reject(row, out, code, field, message)
  return false
}
