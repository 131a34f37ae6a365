import { formField, nameField, type SetUpGuide, type SetUpNames, type SetUpStep } from '../set-up/set-up-guide.ts'
import { shellCommand } from '../set-up/shell-command.ts'
import { quoteName } from './identifiers.ts'
import { databricksOptions } from './options.ts'

const somePrincipal = 'APPLICATION_ID'
const someSchema = 'SCHEMA_TO_BE_SYNCED'
const someTable = 'TABLE_TO_BE_MIRRORED'
const principalForm = /^[A-Za-z0-9@._+-]{1,200}$/
const { catalog } = databricksOptions.fields
const sqlEditor = 'SQL editor or notebook'

/** The guide's Databricks section, filled in: the service principal, its login, the cluster, the grants, the change data feed. */
export const databricksSetUp: SetUpGuide = {
  fields: {
    applicationId: formField(principalForm, 'Application id of the service principal, or the name of the user', {
      default: somePrincipal,
    }),
    catalog: formField(catalog.form, catalog.description, { required: true }),
    schema: nameField(quoteName, 'Schema to be synced', { default: someSchema }),
    table: nameField(quoteName, 'Table to be mirrored', { default: someTable }),
  },
  steps: databricksSteps,
  namesOf: (options, secrets, table) => ({
    catalog: options.catalog,
    ...(secrets.clientId === undefined ? {} : { applicationId: secrets.clientId }),
    ...(table === undefined ? {} : { schema: table.schema, table: table.name }),
  }),
}

function databricksSteps(names: SetUpNames): readonly SetUpStep[] {
  const { applicationId = somePrincipal, schema = someSchema, table = someTable } = names
  const place = quoteName(names.catalog ?? '')
  const who = quoteName(applicationId)
  const sql = (text: string) => ({ language: 'sql' as const, where: sqlEditor, text })
  return [
    {
      id: 'authentication',
      title:
        'Make a service principal and its OAuth secret (recommended): Settings, Identity and access, Service principals, Secrets, Generate secret. Or give it a personal access token',
      check: 'Can log in and use the cluster',
      run: 'one',
      statements: [
        {
          language: 'shell',
          where: 'Databricks CLI',
          text: `databricks configure --token\n${shellCommand(
            ['databricks', 'token-management', 'create-obo-token', applicationId],
            { 'lifetime-seconds': '31536000', comment: 'Millrace service principal token' },
          )}`,
        },
      ],
    },
    {
      id: 'compute',
      title:
        'Let it use a shared all-purpose cluster: Compute, the cluster, Edit permissions: CAN ATTACH TO, and CAN RESTART if the cluster suspends itself',
      check: 'Can log in and use the cluster',
      run: 'all',
      statements: [],
    },
    {
      id: 'read-data',
      title: 'Let it read the schema',
      check: 'Can read the table',
      run: 'all',
      statements: [
        sql(`GRANT USE CATALOG ON CATALOG ${place} TO ${who};`),
        sql(`GRANT USE SCHEMA, SELECT ON SCHEMA ${place}.${quoteName(schema)} TO ${who};`),
      ],
    },
    {
      id: 'any-file',
      title: 'On clusters with table access control and no Unity Catalog: let it read the files of tables',
      check: null,
      run: 'all',
      statements: [sql(`GRANT SELECT ON ANY FILE TO ${who};`)],
    },
    {
      id: 'change-data-feed',
      title: 'For mirror: have the table record its changes',
      check: 'Can follow its changes',
      run: 'all',
      statements: [
        sql(
          `ALTER TABLE ${place}.${quoteName(schema)}.${quoteName(table)} SET TBLPROPERTIES (delta.enableChangeDataFeed = true);`,
        ),
      ],
    },
  ]
}
