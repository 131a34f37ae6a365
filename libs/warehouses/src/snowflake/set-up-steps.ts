import {
  formField,
  nameField,
  type SetUpField,
  type SetUpGuide,
  type SetUpNames,
  type SetUpStep,
} from '../set-up/set-up-guide.ts'
import { quoteName } from './identifiers.ts'
import { type KeySlot, keySlots, publicKeyText, readLoginKey, userName } from './key-pair.ts'
import { connectorSchemaDefault, snowflakeOptions } from './options.ts'

/** Stands in statements that are shown before a pair of keys was made. */
const someKey = 'PUBLIC_KEY_THAT_MILLRACE_SHOWS'
const optionFields = Object.fromEntries(
  Object.entries(snowflakeOptions.fields).map(([name, { form, description }]): [string, SetUpField] => [
    name,
    formField(form, description),
  ]),
)
const field = (name: string, value: string): SetUpField => ({ ...optionFields[name]!, default: value })

/** Makes the user, the role, the warehouse and the connector's schema, and lets the role read: the guide's statements, filled in. */
export const snowflakeSetUp: SetUpGuide = {
  fields: {
    accountIdentifier: optionFields.accountIdentifier!,
    user: field('user', 'MILLRACE'),
    authentication: field('authentication', 'key_pair'),
    role: field('role', 'MILLRACE_ROLE'),
    warehouse: field('warehouse', 'MILLRACE_WAREHOUSE'),
    database: { ...optionFields.database!, required: true },
    connectorSchema: field('connectorSchema', connectorSchemaDefault),
    publicKey: formField(/^[A-Za-z0-9+/=]{100,2000}$/, 'Public key that was shown with the source', {
      default: someKey,
    }),
    keySlot: formField(/^RSA_PUBLIC_KEY(_2)?$/, 'Slot of the public key', { default: keySlots[0] }),
    table: nameField(quoteName, 'Table or view to be mirrored: its owner turns change tracking on'),
    schema: nameField(quoteName, 'Schema of that table'),
  },
  steps: snowflakeSteps,
  namesOf: (options, { privateKey }, table) => ({
    ...options,
    ...(privateKey === undefined ? {} : keyNames(privateKey)),
    ...(table ? { schema: table.schema, table: table.name } : {}),
  }),
}

function keyNames(secret: string): { readonly publicKey: string; readonly keySlot: KeySlot } {
  const key = readLoginKey(secret)
  return { publicKey: publicKeyText(key), keySlot: key.slot }
}

function snowflakeSteps(names: SetUpNames): readonly SetUpStep[] {
  const upper = (name: string) => (names[name] ?? '').toUpperCase()
  const [role, warehouse] = [upper('role'), upper('warehouse')]
  const [database, schema] = [upper('database'), upper('connectorSchema')]
  const user = userName(names.user ?? '')
  const login =
    names.authentication === 'password' ? `PASSWORD = '…'` : `TYPE = SERVICE ${names.keySlot} = '${names.publicKey}'`
  return [
    step('role', 'Make a role for Millrace', 'Can take the role', [`CREATE ROLE IF NOT EXISTS ${role}`]),
    step('user', 'Make its user, and give it the role', 'Can log in', [
      `CREATE USER IF NOT EXISTS ${user} ${login} DEFAULT_ROLE = ${role}`,
      ...(names.authentication === 'password'
        ? []
        : [`ALTER USER ${user} SET ${names.keySlot} = '${names.publicKey}'`]),
      `GRANT ROLE ${role} TO USER ${user}`,
    ]),
    step(
      'warehouse',
      'Make a warehouse that runs Millrace’s statements, so that others are not slowed down',
      'Can use the warehouse',
      [
        `CREATE WAREHOUSE IF NOT EXISTS ${warehouse} WITH
  WAREHOUSE_SIZE = XSMALL
  AUTO_SUSPEND = 60
  AUTO_RESUME = TRUE
  INITIALLY_SUSPENDED = TRUE`,
        `GRANT USAGE ON WAREHOUSE ${warehouse} TO ROLE ${role}`,
        `GRANT MONITOR ON WAREHOUSE ${warehouse} TO ROLE ${role}`,
      ],
    ),
    step('connector-schema', 'Make a schema for Millrace alone', 'Can write the connector’s schema; Can make streams', [
      `CREATE SCHEMA IF NOT EXISTS ${database}.${schema}`,
      `GRANT USAGE ON DATABASE ${database} TO ROLE ${role}`,
      `GRANT USAGE ON SCHEMA ${database}.${schema} TO ROLE ${role}`,
      `GRANT CREATE TABLE ON SCHEMA ${database}.${schema} TO ROLE ${role}`,
      `GRANT CREATE STREAM ON SCHEMA ${database}.${schema} TO ROLE ${role}`,
    ]),
    step('read', 'Let the role read; leave out what it must not see', 'Can read a schema', readGrants(database, role)),
    ...trackingStep(names, database),
  ]
}

function readGrants(database: string, role: string): readonly string[] {
  const kinds = ['TABLES', 'VIEWS', 'MATERIALIZED VIEWS']
  return [
    `GRANT USAGE ON ALL SCHEMAS IN DATABASE ${database} TO ROLE ${role}`,
    `GRANT USAGE ON FUTURE SCHEMAS IN DATABASE ${database} TO ROLE ${role}`,
    ...kinds.flatMap((kind) => [
      `GRANT SELECT ON ALL ${kind} IN DATABASE ${database} TO ROLE ${role}`,
      `GRANT SELECT ON FUTURE ${kind} IN DATABASE ${database} TO ROLE ${role}`,
    ]),
  ]
}

function trackingStep({ schema, table }: SetUpNames, database: string): readonly SetUpStep[] {
  if (schema === undefined || table === undefined) return []
  const name = `${database}.${quoteName(schema)}.${quoteName(table)}`
  const statement = (text: string) => ({ language: 'sql', where: 'Snowflake worksheet', text }) as const
  return [
    {
      id: 'change-tracking',
      title: 'For mirror: have Snowflake keep the changes of the table, or of the view',
      check: null,
      run: 'one',
      statements: [
        statement(`ALTER TABLE ${name} SET CHANGE_TRACKING = TRUE`),
        statement(`ALTER VIEW ${name} SET CHANGE_TRACKING = TRUE`),
      ],
    },
  ]
}

function step(id: string, title: string, check: string | null, texts: readonly string[]): SetUpStep {
  const statements = texts.map((text) => ({ language: 'sql', where: 'Snowflake worksheet', text }) as const)
  return { id, title, check, run: 'all', statements }
}
