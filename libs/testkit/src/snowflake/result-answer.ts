import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { QueryState } from './query-runs.ts'
import { rowsText } from './result-rows.ts'
import { SnowflakeError } from './snowflake-error.ts'
import type { World } from './world.ts'

export type ResultLimits = {
  /** Rows within the answer itself; the others come in chunks. */
  inlineRows: number
  chunkRows: number
}

const zipped = promisify(gzip)

/** Header and value that a chunk must be asked for with, as those of encrypted objects in S3. */
const chunkHeader = 'x-amz-server-side-encryption-customer-key'

/** The answer of a query that has ended, as JSON. `endpoint` is where its chunks are. */
export async function resultAnswer(
  world: World,
  query: QueryState,
  endpoint: string,
  limits: ResultLimits,
): Promise<string> {
  if (query.error !== null) return errorAnswer(query.error, query.id)
  const { result, session } = query
  if (result === null)
    return errorAnswer(new SnowflakeError('000710', '02000', `Result for query ${query.id} has expired`), query.id)
  const { kept, typeId } = result
  const inline = Math.min(kept.rows, limits.inlineRows)
  const rowset = await world.engine.inTurn(() => rowsText(world.engine, kept, 0, inline))
  const chunks = []
  for (let from = inline; from < kept.rows; from += limits.chunkRows) {
    const rowCount = Math.min(limits.chunkRows, kept.rows - from)
    const url = `${endpoint}/chunks/${query.id}/${from}/${rowCount}`
    chunks.push({ url, rowCount, uncompressedSize: rowCount * 100, compressedSize: rowCount * 20 })
  }
  const data = {
    parameters: [
      { name: 'TIMEZONE', value: 'UTC' },
      { name: 'CLIENT_RESULT_CHUNK_SIZE', value: 160 },
      { name: 'BINARY_OUTPUT_FORMAT', value: 'HEX' },
      { name: 'DATE_OUTPUT_FORMAT', value: 'YYYY-MM-DD' },
      { name: 'TIME_OUTPUT_FORMAT', value: 'HH24:MI:SS' },
      { name: 'TIMESTAMP_OUTPUT_FORMAT', value: 'YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM' },
      { name: 'TIMESTAMP_NTZ_OUTPUT_FORMAT', value: 'YYYY-MM-DD HH24:MI:SS.FF3' },
      { name: 'TIMESTAMP_LTZ_OUTPUT_FORMAT', value: '' },
      { name: 'TIMESTAMP_TZ_OUTPUT_FORMAT', value: '' },
    ],
    rowtype: kept.columns.map(({ name, type, isNullable }) => ({
      name,
      type: type.name.toLowerCase(),
      nullable: isNullable,
      precision: type.precision,
      scale: type.scale,
      length: type.length,
      byteLength: type.length,
      database: '',
      schema: '',
      table: '',
      collation: null,
    })),
    total: kept.rows,
    returned: kept.rows,
    queryId: query.id,
    databaseProvider: null,
    finalDatabaseName: session.database,
    finalSchemaName: session.schema,
    finalWarehouseName: session.warehouse,
    finalRoleName: session.role,
    numberOfBinds: 0,
    arrayBindSupported: false,
    statementTypeId: typeId,
    version: 1,
    sendResultTime: world.now(),
    queryResultFormat: 'json',
    ...(chunks.length > 0 ? { chunks, chunkHeaders: { [chunkHeader]: query.id } } : {}),
  }
  // Rows are JSON already.
  return `{"data":${JSON.stringify(data).slice(0, -1)},"rowset":[${rowset}]},"message":null,"code":null,"success":true}`
}

export function errorAnswer({ code, sqlState, message }: SnowflakeError, queryId: string | null): string {
  const data = {
    internalError: false,
    errorCode: code,
    age: 0,
    sqlState,
    queryId,
    line: -1,
    pos: -1,
    type: 'COMPILATION',
  }
  return JSON.stringify({ data, code, message, success: false, headers: null })
}

/** The body of a chunk: rows joined by commas, without the brackets around them. null = not to be had. */
export async function chunkBody(
  world: World,
  query: QueryState | undefined,
  [from, count]: readonly [number, number],
  headers: Readonly<Record<string, unknown>>,
): Promise<Buffer | null> {
  const kept = query?.result?.kept
  if (query === undefined || kept === undefined || headers[chunkHeader] !== query.id) return null
  const text = await world.engine.inTurn(() => rowsText(world.engine, kept, from, from + count))
  return await zipped(text, { level: 1 })
}
