import { nameField, type SetUpGuide, type SetUpNames, type SetUpStep } from '../set-up/set-up-guide.ts'
import { quoteIdentifier } from './identifiers.ts'

/** Makes a role which may read one schema and nothing else. Run by the owner of the schema. */
export const postgresSetUp: SetUpGuide = {
  fields: {
    user: nameField(quoteIdentifier, 'Role that Millrace logs in as', { default: 'millrace' }),
    database: nameField(quoteIdentifier, 'Database to be synced'),
    schema: nameField(quoteIdentifier, 'Schema to be synced', { default: 'public' }),
  },
  steps: postgresSteps,
  namesOf: ({ user, database }, _secrets, table) => ({ user, database, ...(table ? { schema: table.schema } : {}) }),
}

function postgresSteps({ user = '', database, schema = '' }: SetUpNames): readonly SetUpStep[] {
  const [role, from] = [quoteIdentifier(user), quoteIdentifier(schema)]
  return [
    step('role', 'Make a role for Millrace, with a password of its own in place of …', 'Log in; Only read', [
      `CREATE ROLE ${role} LOGIN PASSWORD '…'`,
      `ALTER ROLE ${role} SET default_transaction_read_only = on`,
    ]),
    ...(database === undefined
      ? []
      : [
          step('connect', 'Let it into the database', 'Open the database', [
            `GRANT CONNECT ON DATABASE ${quoteIdentifier(database)} TO ${role}`,
          ]),
        ]),
    step('read-schema', `Let it read schema ${schema}`, 'See schemas; Read a table', [
      `GRANT USAGE ON SCHEMA ${from} TO ${role}`,
      `GRANT SELECT ON ALL TABLES IN SCHEMA ${from} TO ${role}`,
    ]),
    step('new-tables', 'Let it read tables that are made later; run it as the role that makes them', null, [
      `ALTER DEFAULT PRIVILEGES IN SCHEMA ${from} GRANT SELECT ON TABLES TO ${role}`,
    ]),
  ]
}

function step(id: string, title: string, check: string | null, texts: readonly string[]): SetUpStep {
  const statements = texts.map((text) => ({ language: 'sql', where: 'psql', text }) as const)
  return { id, title, check, run: 'all', statements }
}
