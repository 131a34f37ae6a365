import { type OptionProblem, pointerPart, problem, type SecretField } from '../option-problem.ts'
import { type TextField, textFieldProblems } from '../text-fields.ts'

/** How to reach BigQuery. A closed set: hosts, key files and settings of the driver cannot come in. */
export type BigQueryOptions = {
  /** Where jobs run and are paid, and where the tables are. */
  readonly projectId: string
  /** Where the datasets are: `US`, `EU`, `europe-west1`; without it BigQuery's default, US. */
  readonly location?: string
  /** A dataset that is Millrace's own: the rows of a run are kept in it while they are read. */
  readonly stagingDataset: string
}

/** https://cloud.google.com/resource-manager/docs/creating-managing-projects#before_you_begin */
const projectForm = /^[a-z][a-z0-9-]{4,28}[a-z0-9]$/
const locationForm = /^[A-Za-z][A-Za-z0-9-]{1,39}$/
/** https://cloud.google.com/bigquery/docs/datasets#dataset-naming; 1024 characters there, and no name is that long. */
const datasetForm = /^[A-Za-z0-9_]{1,300}$/

const fields: Readonly<Record<keyof BigQueryOptions, TextField>> = {
  projectId: { required: true, description: 'Id of the Google Cloud project: my-project-123', form: projectForm },
  location: { required: false, description: 'Location of the datasets: US, EU, europe-west1', form: locationForm },
  stagingDataset: {
    required: true,
    description: 'An empty dataset for Millrace alone, in the location of the tables',
    form: datasetForm,
  },
}

const secrets: readonly SecretField[] = [
  { name: 'serviceAccountKey', label: 'Key of the service account (JSON)', required: true, bytesMax: 16 * 1024 },
]

/** The options as data, for forms, API schemas and reference pages; `problems` judges a value of them. */
export const bigQueryOptions = { fields, secrets, problems: optionProblems, read: readOptions } as const

/** All that is wrong with the options, and with which secrets are there; empty when they can be tried. */
export function optionProblems(options: unknown, secretNames: readonly string[]): readonly OptionProblem[] {
  const problems = textFieldProblems(options, fields)
  for (const { name, label } of secrets) {
    if (!secretNames.includes(name))
      problems.push(problem(`/secrets/${name}`, 'is missing', `${label} is needed to connect.`))
  }
  for (const name of secretNames) {
    if (!secrets.some((secret) => secret.name === name))
      problems.push(problem(`/secrets/${pointerPart(name)}`, 'is not known', 'Known: serviceAccountKey.'))
  }
  return problems
}

/** The options, when nothing is wrong with them. */
export function readOptions(options: unknown): BigQueryOptions | null {
  return textFieldProblems(options, fields).length === 0 ? (options as BigQueryOptions) : null
}
