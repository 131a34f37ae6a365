import { messageHead, structAt, structsOf } from './thrift-fields.ts'

/** HIVE_CLI_SERVICE_PROTOCOL_V10, the newest that Spark knows; Databricks has numbers of its own. */
const hiveProtocol = 9
const field = {
  success: 0,
  request: 1,
  protocol: 1,
  statement: 2,
  schema: 2,
  columns: 1,
  position: 3,
  resultFormat: 1281,
}
/** `resultFormat`: COLUMN_BASED_SET. */
const columnBased = Buffer.from([8, 0x05, 0x01, 0, 0, 0, 1])

/** Databricks' dialect to Spark's: the version of the protocol that a session opens with. */
export function toSpark(message: Buffer): Buffer {
  const { name, at } = messageHead(message)
  if (name !== 'OpenSession') return message
  const request = structAt(message, at).fields.get(field.request)
  const protocol = request && structAt(message, request.at).fields.get(field.protocol)
  if (protocol === undefined) throw new Error('OpenSession without the version of its protocol')
  const out = Buffer.from(message)
  out.writeInt32BE(hiveProtocol, protocol.at)
  return out
}

/** Spark's dialect to Databricks': columns are numbered from 1, and the format of a result is told. */
export function toDatabricks(message: Buffer): Buffer {
  const { name, at } = messageHead(message)
  if (name !== 'GetResultSetMetadata') return message
  const success = structAt(message, at).fields.get(field.success)
  if (success === undefined) return message
  const answer = structAt(message, success.at)
  const out = Buffer.from(message)
  const schema = answer.fields.get(field.schema)
  const columns = schema && structAt(message, schema.at).fields.get(field.columns)
  for (const start of columns === undefined ? [] : structsOf(message, columns)) {
    const position = structAt(message, start).fields.get(field.position)
    if (position !== undefined) out.writeInt32BE(out.readInt32BE(position.at) + 1, position.at)
  }
  if (answer.fields.has(field.resultFormat)) return out
  return Buffer.concat([out.subarray(0, answer.end - 1), columnBased, out.subarray(answer.end - 1)])
}

/** The SQL of a message that asks for a statement; null for any other message. */
export function statementOf(message: Buffer): string | null {
  const { name, at } = messageHead(message)
  if (name !== 'ExecuteStatement') return null
  const request = structAt(message, at).fields.get(field.request)
  const statement = request && structAt(message, request.at).fields.get(field.statement)
  return statement === undefined ? null : message.toString('utf8', statement.at + 4, statement.end)
}
