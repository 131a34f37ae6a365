import type { AvroSchema } from '@millrace/domain/wire/avro-schemas.ts'
import avro from 'avsc'

/** Longs as bigint, so that the comparison with the other implementation is exact. */
const long = avro.types.LongType.__with({
  fromBuffer: (buffer: Buffer) => buffer.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const buffer = Buffer.alloc(8)
    buffer.writeBigInt64LE(value)
    return buffer
  },
  fromJSON: BigInt,
  toJSON: String,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
})

function isLong(schema: unknown): boolean {
  return (
    schema === 'long' || (typeof schema === 'object' && schema !== null && 'type' in schema && schema.type === 'long')
  )
}

/** The schema as the other Avro implementation holds it. */
export function avsc(schema: AvroSchema): avro.Type {
  return avro.Type.forSchema(structuredClone(schema) as avro.Schema, {
    wrapUnions: true,
    typeHook: (each) => (isLong(each) ? long : undefined),
  })
}
