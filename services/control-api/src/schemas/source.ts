import { warehouseKinds } from '@millrace/domain/words.ts'
import type { WarehouseDriver } from '@millrace/warehouses/warehouse-driver.ts'
import { warehouseDrivers } from '@millrace/warehouses/warehouse-drivers.ts'
import { Type } from 'typebox'
import { closed, id, identifier, literals, name, nullable, problem, time } from './common.ts'
import { mapping } from './mapping.ts'

const secretBytesMax = 64 * 1024

const perKind = (
  namesOf: (options: WarehouseDriver['options']) => readonly (readonly [name: string, required: boolean])[],
) =>
  Object.entries(warehouseDrivers)
    .map(
      ([kind, { options }]) =>
        [kind, namesOf(options).map(([name, required]) => (required ? name : `${name}?`))] as const,
    )
    .map(([kind, names]) => `for ${kind}: ${names.length === 0 ? 'none' : names.join(', ')}`)
    .join('; ')

const optionNames = perKind(({ fields }) => Object.entries(fields).map(([name, { required }]) => [name, required]))
const secretNames = perKind(({ secrets }) => secrets.map(({ name, required }) => [name, required]))

const options = Type.Record(Type.String({ maxLength: 100 }), Type.Unknown(), {
  maxProperties: 50,
  description: `As the warehouse needs them; ${optionNames}`,
})
const secrets = Type.Record(Type.String({ maxLength: 100 }), Type.String({ maxLength: secretBytesMax }), {
  maxProperties: 20,
  description: `Written only; ${secretNames}. Keys of key_pair are made by Millrace`,
})

const table = closed({ schema: identifier, name: identifier }, { description: 'Tries to read this table as well' })

export const connectionBody = closed({
  // The body that will create the source can be tried as it is.
  name: Type.Optional(name),
  warehouse: literals(warehouseKinds),
  options,
  secrets,
  table: Type.Optional(table),
})
export const storedTestBody = Type.Optional(Type.Union([closed({ table: Type.Optional(table) }), Type.Null()]))
export const sourceBody = closed({ name, warehouse: literals(warehouseKinds), options, secrets })
export const sourcePatch = closed({
  name: Type.Optional(name),
  options: Type.Optional(options),
  secrets: Type.Optional(secrets),
})

export const sourceKey = Type.Object({
  state: literals(['current', 'next'], { description: 'next: until a test of the connection has logged in with it' }),
  slot: Type.String({ description: 'RSA_PUBLIC_KEY or RSA_PUBLIC_KEY_2 of the user' }),
  publicKey: Type.String(),
  statement: Type.String({ description: 'What the owner of the user runs in the warehouse' }),
})
export const sourceKeysAnswer = Type.Object({ items: Type.Array(sourceKey) })

export const sourceAnswer = Type.Object({
  id,
  projectId: id,
  name: Type.String(),
  warehouse: literals(warehouseKinds),
  options: Type.Record(Type.String(), Type.Unknown()),
  createdAt: time,
  updatedAt: time,
})
export const newSourceAnswer = Type.Intersect([
  sourceAnswer,
  Type.Object({
    keys: Type.Optional(
      Type.Array(sourceKey, {
        description: 'Where Millrace has made the key: run its statement, then test the connection',
      }),
    ),
  }),
])

export const schemaParams = closed({ projectId: id, sourceId: id, schema: identifier })
export const tableParams = closed({ projectId: id, sourceId: id, schema: identifier, table: identifier })

export const schemasAnswer = Type.Object({ items: Type.Array(Type.Object({ name: Type.String() })) })
export const tablesAnswer = Type.Object({
  items: Type.Array(
    Type.Object({
      schema: Type.String(),
      name: Type.String(),
      kind: Type.String(),
      rowsEstimate: nullable(Type.Number()),
    }),
  ),
})
const warnings = Type.Array(problem, { description: 'What syncing the table would cost, or what it could not do' })
export const tableAnswer = Type.Object({
  schema: Type.String(),
  name: Type.String(),
  key: Type.Array(Type.String()),
  columns: Type.Array(
    Type.Object({ name: Type.String(), type: Type.String(), sourceType: Type.String(), nullable: Type.Boolean() }),
  ),
  warnings,
  suggestion: nullable(
    Type.Object(
      {
        tableType: Type.String(),
        mode: Type.String(),
        insertTimeColumn: nullable(Type.String()),
        schedule: Type.Unknown(),
        mapping: Type.Unknown(),
      },
      { description: 'How to sync a table whose form is known: a Google Analytics 4 export' },
    ),
  ),
})

export const previewBody = closed({
  table: closed({ schema: identifier, name: identifier }),
  mapping: Type.Optional(mapping),
  mode: Type.Optional(literals(['full', 'mirror'], { description: 'Of which the estimate is; default full' })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 50 })),
})
export const previewAnswer = Type.Object({
  columns: Type.Array(Type.Object({ name: Type.String(), type: Type.String(), sourceType: Type.String() })),
  rows: Type.Array(Type.Record(Type.String(), Type.Unknown())),
  /** Rows beyond the size that a preview may have were left out. */
  cut: Type.Boolean(),
  warnings,
  estimate: nullable(
    Type.Object(
      { bytes: Type.Number() },
      { description: 'What the first run would be charged for; null where bytes cost nothing' },
    ),
  ),
  updates: Type.Array(Type.Object({ row: Type.Integer(), key: nullable(Type.String()), body: Type.Unknown() })),
  rejects: Type.Array(
    Type.Object({ row: Type.Integer(), code: Type.String(), field: Type.String(), message: Type.String() }),
  ),
})
