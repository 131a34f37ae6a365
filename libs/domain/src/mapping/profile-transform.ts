import { describeProblem } from '../json/problem.ts'
import { jsonStringMax, writeJsonString } from '../json/string-writer.ts'
import type { RowSchema } from '../row-schema.ts'
import type { UpdateBatchBuilder } from '../wire/update-batch.ts'
import { isGoodId, isUsableId } from './id-check.ts'
import { IdColumn } from './id-column.ts'
import { bodyBytesLimit, profilePropertiesMax } from './limits.ts'
import type { GroupProfilesMapping, UserProfilesMapping } from './mapping.ts'
import { PropertyWriter } from './property-writer.ts'
import { type RowInput, type RowTransform, reject } from './row-transform.ts'

/**
 * A row as an update of a user or group profile; the project token is the destination's to add:
 *
 *   {"$distinct_id":ID,"$set":{…}[,"$unset":[NAME,…]]}
 *   {"$group_key":KEY,"$group_id":ID,"$set":{…}[,"$unset":[NAME,…]]}
 *   deleted row: {"$distinct_id":ID,"$delete":""}, {"$group_key":KEY,"$group_id":ID,"$delete":""}
 *
 * `$unset` stands beside `$set` when the mapping wishes that NULL removes a property, and the row has NULLs; the engage
 * endpoint takes several operations in one update.
 */
export class ProfileTransform implements RowTransform {
  readonly #id: IdColumn
  readonly #isUser: boolean
  readonly #unsets: boolean
  readonly #start: Buffer
  readonly #properties: PropertyWriter

  constructor(mapping: UserProfilesMapping | GroupProfilesMapping, schema: RowSchema) {
    this.#isUser = mapping.tableType === 'user_profiles'
    this.#id = new IdColumn(schema, mapping.tableType === 'user_profiles' ? mapping.userId : mapping.groupId)
    this.#unsets = mapping.nulls === 'unset'
    this.#start = Buffer.from(
      mapping.tableType === 'user_profiles'
        ? '{"$distinct_id":'
        : `{"$group_key":${JSON.stringify(mapping.groupKey)},"$group_id":`,
    )
    this.#properties = new PropertyWriter(mapping, schema, [])
  }

  write(row: RowInput, out: UpdateBatchBuilder): void {
    const { fields } = row
    const id = this.#id
    if (!id.load(fields)) {
      reject(row, out, 'id_missing', id.name, 'The id of the profile is NULL.')
      return
    }
    if (!(this.#isUser ? isGoodId(id, row, out) : isUsableId(id, row, out))) return
    out.begin(row.op, row.ordinal, fields.buffer, row.rowIdStart, id.source, id.start, id.end)
    const { writer } = out
    writer.writeRaw(this.#start, 0, this.#start.length)
    writer.ensure(jsonStringMax(id.end - id.start))
    const at = writeJsonString(id.source, id.start, id.end, writer.buffer, writer.length)
    if (at < 0) {
      abandon(at, id.name, row, out)
      return
    }
    writer.length = at
    if (row.op === 'delete') {
      writer.writeRaw(deleteEnd, 0, deleteEnd.length)
      out.commit()
      return
    }
    writer.writeRaw(setKey, 0, setKey.length)
    const open = writer.length
    const properties = this.#properties
    const problem = properties.write(fields, writer)
    if (problem < 0) {
      abandon(problem, properties.field, row, out)
      return
    }
    this.#openWith(123, open, out)
    writer.writeRaw(closeSet, 0, 1)
    if (this.#unsets) {
      const beforeUnset = writer.length
      writer.writeRaw(unsetKey, 0, unsetKey.length)
      const openList = writer.length
      if (properties.writeNullNames(fields, writer) === 0) writer.length = beforeUnset
      else {
        this.#openWith(91, openList, out)
        writer.writeRaw(closeList, 0, 1)
      }
    }
    writer.writeRaw(closeSet, 0, 1)
    if (properties.count > profilePropertiesMax) {
      out.abandon()
      reject(
        row,
        out,
        'too_many_properties',
        '',
        `The profile has ${properties.count} properties; at most ${profilePropertiesMax} are taken.`,
      )
    } else if (out.bodyBytes >= bodyBytesLimit) {
      const size = out.bodyBytes
      out.abandon()
      reject(row, out, 'too_large', '', `The update has ${size} bytes of JSON; it must stay below ${bodyBytesLimit}.`)
    } else out.commit()
  }

  /** Turns the comma in front of the first member into the opening bracket, or appends the bracket when there is none. */
  #openWith(bracket: number, at: number, out: UpdateBatchBuilder): void {
    const { writer } = out
    if (writer.length === at) {
      writer.ensure(1)
      writer.length++
    }
    writer.buffer[at] = bracket
  }
}

const setKey = Buffer.from(',"$set":')
const unsetKey = Buffer.from(',"$unset":')
const deleteEnd = Buffer.from(',"$delete":""}')
const closeSet = Buffer.from('}')
const closeList = Buffer.from(']')

function abandon(problem: number, field: string, row: RowInput, out: UpdateBatchBuilder): void {
  out.abandon()
  const { code, message } = describeProblem(problem)
  reject(row, out, code, field, message)
}
