import { type OptionProblem, pointerPart, problem, type SecretField } from '../option-problem.ts'
import { type TextField, textFieldProblems } from '../text-fields.ts'

/** How to reach Databricks. A closed set; the host is one of Databricks' own, so nothing here is free text in an address. */
export type DatabricksOptions = {
  /** Of the workspace: `dbc-a1b2345c-d6e7.cloud.databricks.com`. */
  readonly host: string
  /** Of an all-purpose cluster: `sql/protocolv1/o/1234567890123456/0123-456789-abcdefgh`. */
  readonly httpPath: string
  /** Catalog of the tables; `hive_metastore` where there is no Unity Catalog. */
  readonly catalog: string
}

const hostForm =
  /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.){1,4}(cloud\.databricks\.com|azuredatabricks\.net|gcp\.databricks\.com)$/
const clusterForm = /^\/?sql\/protocolv1\/o\/[0-9]{1,20}\/[0-9]{4}-[0-9]{6}-[a-z0-9]{1,20}$/
const warehouseForm = /^\/?sql\/1\.0\/(warehouses|endpoints)\//

const fields: Readonly<Record<keyof DatabricksOptions, TextField>> = {
  host: {
    required: true,
    description:
      'Server hostname of the workspace, ending with .cloud.databricks.com, .azuredatabricks.net or .gcp.databricks.com',
    form: hostForm,
  },
  httpPath: {
    required: true,
    description: 'HTTP path of an all-purpose cluster: sql/protocolv1/o/1234567890123456/0123-456789-abcdefgh',
    form: clusterForm,
    refused: {
      form: warehouseForm,
      message: 'is that of a SQL warehouse, which is not supported',
      hint: 'Give the HTTP path of an all-purpose cluster: Compute, the cluster, Advanced options, JDBC/ODBC.',
    },
  },
  catalog: { required: true, description: 'Catalog of the tables: main', form: /^[A-Za-z0-9_-]{1,255}$/ },
}

const secrets: readonly SecretField[] = [
  { name: 'accessToken', label: 'Personal access token', required: false, bytesMax: 1024 },
  { name: 'clientId', label: 'OAuth client id of the service principal', required: false, bytesMax: 100 },
  { name: 'clientSecret', label: 'OAuth secret of the service principal', required: false, bytesMax: 1024 },
]

/** The options as data, for forms, API schemas and reference pages; `problems` judges a value of them. */
export const databricksOptions = { fields, secrets, problems: optionProblems, read: readOptions } as const

/** All that is wrong with the options, and with which secrets are there; empty when they can be tried. */
export function optionProblems(options: unknown, secretNames: readonly string[]): readonly OptionProblem[] {
  return [...textFieldProblems(options, fields), ...secretProblems(secretNames)]
}

/** The options, when nothing is wrong with them. */
export function readOptions(options: unknown): DatabricksOptions | null {
  return textFieldProblems(options, fields).length === 0 ? (options as DatabricksOptions) : null
}

function secretProblems(names: readonly string[]): OptionProblem[] {
  const known = secrets.map(({ name }) => name)
  const problems = names
    .filter((name) => !known.includes(name))
    .map((name) => problem(`/secrets/${pointerPart(name)}`, 'is not known', `Known: ${known.join(', ')}.`))
  const has = (name: string) => names.includes(name)
  const either = 'Give clientId and clientSecret of a service principal (recommended), or accessToken.'
  if (has('accessToken') && (has('clientId') || has('clientSecret')))
    return [...problems, problem('/secrets/accessToken', 'excludes clientId and clientSecret', either)]
  if (has('accessToken')) return problems
  if (!has('clientId') && !has('clientSecret')) return [...problems, problem('/secrets', 'are missing', either)]
  for (const name of ['clientId', 'clientSecret'])
    if (!has(name)) problems.push(problem(`/secrets/${name}`, 'is missing', either))
  return problems
}
