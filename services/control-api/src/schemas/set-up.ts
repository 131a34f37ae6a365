import { warehouseKinds } from '@millrace/domain/words.ts'
import { warehouseDrivers } from '@millrace/warehouses/warehouse-drivers.ts'
import { Type } from 'typebox'
import { closed, literals, nullable } from './common.ts'

const fieldsOf = Object.entries(warehouseDrivers).map(([kind, { setUp }]) => {
  const names = Object.entries(setUp.fields).map(([name, { required }]) => (required ? name : `${name}?`))
  return `for ${kind}: ${names.join(', ')}`
})

export const setUpBody = closed({
  warehouse: literals(warehouseKinds),
  options: Type.Record(Type.String({ maxLength: 100 }), Type.Unknown(), {
    maxProperties: 50,
    description: `The names that go into the statements; ${fieldsOf.join('; ')}`,
  }),
})

const setUpStep = Type.Object({
  id: Type.String({ description: 'Checks of a connection that fail for want of this step name it' }),
  title: Type.String(),
  check: nullable(Type.String({ description: 'What the test of a connection tries; null when only a run will show' })),
  run: literals(['all', 'one'], { description: 'one: the statements are several ways to the same' }),
  statements: Type.Array(
    Type.Object({ language: literals(['sql', 'shell', 'json']), where: Type.String(), text: Type.String() }),
  ),
})

export const setUpAnswer = Type.Object({
  steps: Type.Array(setUpStep),
  /** Redshift: what the role's trust asks for. */
  externalId: nullable(Type.String()),
})

export const testAnswer = Type.Object({
  ok: Type.Boolean(),
  checks: Type.Array(
    Type.Object({
      step: Type.String(),
      ok: Type.Boolean(),
      setUpStep: Type.Optional(Type.String({ description: 'Id of the step of the set-up that makes it hold' })),
      setUp: Type.Optional(setUpStep),
      code: Type.Optional(Type.String()),
      message: Type.Optional(Type.String()),
      hint: Type.Optional(Type.String()),
      found: Type.Optional(
        Type.Object({ sshHostKey: Type.Optional(Type.String({ description: 'Compare it with the bastion' })) }),
      ),
    }),
  ),
})
