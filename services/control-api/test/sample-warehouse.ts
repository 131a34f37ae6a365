import type { RowSchema } from '@millrace/domain/row-schema.ts'
import { AvroWriter } from '@millrace/domain/wire/avro-writer.ts'
import type { OpenWarehouseRequest } from '@millrace/warehouses/open-warehouse-request.ts'
import type { ConnectionCheck, EstimateRequest, Warehouse } from '@millrace/warehouses/warehouse.ts'
import { WarehouseError } from '@millrace/warehouses/warehouse-error.ts'

export const rightPassword = 'canary-warehouse-password'

export const flights: RowSchema = {
  table: 'public.flights',
  key: [],
  columns: [
    { name: 'flew_at', type: 'timestamp', sourceType: 'timestamp with time zone' },
    { name: 'tail', type: 'string', sourceType: 'text' },
    { name: 'inserted_at', type: 'timestamp', sourceType: 'timestamp with time zone' },
    { name: 'miles', type: 'integer', sourceType: 'bigint' },
  ],
}

type Row = readonly [flewAt: number | null, tail: string | null, insertedAt: number, miles: bigint]
const noon2024 = 1_704_110_400_000_000

/** The second row has no time, which makes it a reject; the third one's miles are beyond 2^53. */
export const rows: readonly Row[] = [
  [noon2024, 'N1', noon2024, 120n],
  [null, 'N2', noon2024, 340n],
  [noon2024 + 1, 'N3', noon2024, 9_007_199_254_740_993n],
]

/** A warehouse of one table, a view of it and a table that cannot be read, that lets in who has the right password, and remembers how it was asked. */
export class SampleWarehouses {
  readonly asked: OpenWarehouseRequest[] = []
  /** What BigQuery was asked to estimate. */
  readonly estimated: EstimateRequest[] = []
  closed = 0

  open = (request: OpenWarehouseRequest): Warehouse => {
    this.asked.push(request)
    const letIn = () => {
      if (isRight(request)) return
      throw new WarehouseError('authentication_failed', 'The user name or password is wrong.', 'Check them.')
    }
    const describe = async ({ schema, name }: { schema: string; name: string }) => {
      letIn()
      if (name === 'shapes')
        throw new WarehouseError(
          'type_not_supported',
          'The column "outline" is a geometry, which cannot be read.',
          'Leave it out.',
        )
      if (schema !== 'public' || (name !== 'flights' && name !== 'flights_view'))
        throw new WarehouseError('table_not_found', `There is no table ${schema}.${name}.`, 'Check its spelling.')
      const columns = flights.columns.map((column) => ({ ...column, nullable: true }))
      return { ...flights, columns, kind: name === 'flights' ? ('table' as const) : ('view' as const) }
    }
    const unused = () => Promise.reject(new Error('the API does not read'))
    return {
      kind: 'postgres',
      testConnection: async () => checks(request),
      async listSchemas() {
        letIn()
        return ['public']
      },
      async listTables(schema) {
        letIn()
        return schema === 'public' ? [{ schema, name: 'flights', kind: 'table', rowsEstimate: 3 }] : []
      },
      describeTable: describe,
      async preview(table, _identity, rowsMax, sink) {
        await describe(table)
        for (const [i, row] of rows.slice(0, rowsMax).entries()) {
          const bytes = encode(row)
          sink.insert(Buffer.alloc(32, i + 1), bytes, 0, bytes.length)
        }
        return { rows: Math.min(rows.length, rowsMax) }
      },
      estimate: async (asked) => {
        if (request.kind !== 'bigquery') return null
        this.estimated.push(asked)
        return { bytes: 4096 }
      },
      plan: unused,
      repin: unused,
      readChunk: unused,
      countIdentical: unused,
      cleanUp: unused,
      close: async () => {
        this.closed++
      },
    }
  }
}

function isRight({ secrets }: OpenWarehouseRequest): boolean {
  return [secrets.password, secrets.serviceAccountKey].includes(rightPassword)
}

function checks(request: OpenWarehouseRequest): ConnectionCheck[] {
  const reached = { step: 'reach the host', ok: true }
  if (isRight(request)) return [reached, { step: 'sign in', ok: true }]
  const refused = { code: 'authentication_failed', message: 'The user name or password is wrong.', hint: 'Check them.' }
  return [reached, { step: 'sign in', ok: false, ...refused }]
}

function encode([flewAt, tail, insertedAt, miles]: Row): Buffer {
  const writer = new AvroWriter(64)
  if (flewAt === null) writer.writeNull()
  else {
    writer.writeSome()
    writer.writeLong(BigInt(flewAt))
  }
  if (tail === null) writer.writeNull()
  else {
    writer.writeSome()
    writer.writeString(tail)
  }
  writer.writeSome()
  writer.writeLong(BigInt(insertedAt))
  writer.writeSome()
  writer.writeLong(miles)
  return writer.take()
}
