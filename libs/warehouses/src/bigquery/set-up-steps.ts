import { formField, type SetUpGuide, type SetUpNames, type SetUpStep } from '../set-up/set-up-guide.ts'
import { shellCommand } from '../set-up/shell-command.ts'
import { bigQueryOptions } from './options.ts'
import { readServiceAccountKey } from './service-account-key.ts'

const { projectId, location, stagingDataset } = bigQueryOptions.fields
const email = /^[a-z0-9][a-z0-9.-]{0,199}@[a-z0-9.-]{1,200}$/
/** Stands in statements that are shown before a dataset was chosen. */
const someDataset = 'DATASET_TO_BE_SYNCED'

/** Makes a staging dataset and grants a service account what a source needs: the guide's own statements, filled in. */
export const bigQuerySetUp: SetUpGuide = {
  fields: {
    projectId: formField(projectId.form, projectId.description, { required: true }),
    serviceAccount: formField(email, 'E-mail address of the service account', { required: true }),
    dataset: formField(stagingDataset.form, 'Dataset to be synced', { default: someDataset }),
    stagingDataset: formField(stagingDataset.form, stagingDataset.description, { default: 'millrace' }),
    location: formField(location.form, location.description, { default: 'US' }),
  },
  steps: bigQuerySteps,
  namesOf: ({ projectId, location, stagingDataset }, { serviceAccountKey = '' }, table) => ({
    projectId,
    location,
    stagingDataset,
    serviceAccount: readServiceAccountKey(serviceAccountKey).email,
    ...(table ? { dataset: table.schema } : {}),
  }),
}

function bigQuerySteps(names: SetUpNames): readonly SetUpStep[] {
  const { projectId = '', serviceAccount = '', dataset = '', stagingDataset = '', location = '' } = names
  const grant = { projectId, serviceAccount }
  const console = 'BigQuery console'
  return [
    {
      id: 'service-account',
      title: 'Make a service account and a key for it',
      check: 'Sign in',
      run: 'all',
      statements: accountCommands(projectId, serviceAccount).map((text) => ({
        language: 'shell',
        where: 'gcloud',
        text,
      })),
    },
    {
      id: 'staging-dataset',
      title: 'Make an empty dataset for Millrace alone, where the tables are',
      check: `Can write staging dataset ${stagingDataset}`,
      run: 'all',
      statements: [{ language: 'sql', where: console, text: createStaging(projectId, stagingDataset, location) }],
    },
    {
      id: 'run-jobs',
      title: 'Let it run jobs',
      check: 'Can run jobs',
      run: 'all',
      statements: [{ language: 'shell', where: 'gcloud', text: grantJobs(grant) }],
    },
    {
      id: 'read-dataset',
      title: `Let it read dataset ${dataset}`,
      check: `Can read dataset ${dataset}`,
      run: 'all',
      statements: [{ language: 'sql', where: console, text: grantRead({ ...grant, dataset }) }],
    },
    {
      id: 'write-staging',
      title: 'Let it write the staging dataset',
      check: `Can write staging dataset ${stagingDataset}`,
      run: 'all',
      statements: [{ language: 'sql', where: console, text: grantStaging({ ...grant, stagingDataset }) }],
    },
  ]
}

type Grant = { readonly projectId: string; readonly serviceAccount: string }

/** An account of another project exists already: it only gets a key. */
function accountCommands(projectId: string, serviceAccount: string): readonly string[] {
  const [name = '', host] = serviceAccount.split('@')
  const makeKey = shellCommand(['gcloud', 'iam', 'service-accounts', 'keys', 'create', 'millrace-key.json'], {
    'iam-account': serviceAccount,
  })
  if (host !== `${projectId}.iam.gserviceaccount.com`) return [makeKey]
  const make = shellCommand(['gcloud', 'iam', 'service-accounts', 'create', name], { project: projectId })
  return [make, makeKey]
}

function createStaging(projectId: string, stagingDataset: string, location: string): string {
  return `CREATE SCHEMA \`${projectId}\`.\`${stagingDataset}\`
OPTIONS (description = 'Millrace staging dataset', location = '${location}')`
}

export function grantJobs({ projectId, serviceAccount }: Grant): string {
  return shellCommand(['gcloud', 'projects', 'add-iam-policy-binding', projectId], {
    member: `serviceAccount:${serviceAccount}`,
    role: 'roles/bigquery.jobUser',
  })
}

/** Not in the guide: without it large tables are read by pages. */
export function grantStreams({ projectId, serviceAccount }: Grant): string {
  return shellCommand(['gcloud', 'projects', 'add-iam-policy-binding', projectId], {
    member: `serviceAccount:${serviceAccount}`,
    role: 'roles/bigquery.readSessionUser',
  })
}

export function grantRead({ dataset = someDataset, ...grant }: Grant & { readonly dataset?: string }): string {
  return grantOn(grant, dataset, 'roles/bigquery.dataViewer')
}

export function grantStaging({ stagingDataset, ...grant }: Grant & { readonly stagingDataset: string }): string {
  return grantOn(grant, stagingDataset, 'roles/bigquery.dataOwner')
}

function grantOn({ projectId, serviceAccount }: Grant, dataset: string, role: string): string {
  return `GRANT \`${role}\`
ON SCHEMA \`${projectId}\`.\`${dataset}\`
TO "serviceAccount:${serviceAccount}"`
}
