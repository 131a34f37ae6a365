import { type OptionProblem, pointerPart, problem, type SecretField } from '../option-problem.ts'
import { isRecord, type TextField, textFieldProblems } from '../text-fields.ts'

/**
 * How to reach Redshift. A closed set without secrets: Millrace takes on a role of the customer's account, which lets it in
 * under the external id of the project only. Hosts follow from the region; nothing here is free text in a host or a statement.
 */
export type RedshiftOptions = {
  /** The account of the cluster, the role and the bucket. */
  readonly awsAccountId: string
  /** Of the cluster and the bucket: `us-east-1`. */
  readonly region: string
  /** A provisioned cluster; exactly one of this and `workgroupName`. */
  readonly clusterId?: string
  /** A workgroup of Redshift Serverless. */
  readonly workgroupName?: string
  readonly database: string
  /** Cluster only: the database user to be; without it, and for workgroups, `IAMR:` and the role's name. */
  readonly dbUser?: string
  /** The role that Millrace takes on. */
  readonly roleName: string
  /** Rows of a run are unloaded into it while they are read. */
  readonly stagingBucket: string
  /** A schema that is Millrace's own: rows of a run and the snapshots of mirrored tables. */
  readonly stagingSchema?: string
  /** Below which unloaded objects are: `millrace/`. */
  readonly bucketPrefix?: string
  /** The role with which Redshift writes into the bucket: its ARN, or `default` for the default role of the cluster or namespace. */
  readonly iamRoleArn?: string
}

/** https://docs.aws.amazon.com/redshift/latest/mgmt/amazon-redshift-limits.html has the forms of names. */
const fields: Readonly<Record<keyof RedshiftOptions, TextField>> = {
  awsAccountId: { required: true, description: 'The 12 digits of the AWS account', form: /^[0-9]{12}$/ },
  region: {
    required: true,
    description: 'Region of the cluster and the bucket: us-east-1',
    form: /^[a-z]{2,4}(-[a-z]{2,12}){1,3}-[1-9][0-9]?$/,
  },
  clusterId: {
    required: false,
    description: 'Name of a provisioned cluster; or give workgroupName',
    form: /^[a-z](-?[a-z0-9]){0,62}$/,
  },
  workgroupName: {
    required: false,
    description: 'Name of a workgroup of Redshift Serverless; or give clusterId',
    form: /^[a-z0-9-]{3,64}$/,
  },
  database: { required: true, description: 'Name of the database', form: /^[A-Za-z0-9_$-]{1,64}$/ },
  dbUser: {
    required: false,
    description: 'Database user, for clusters only; default IAMR: and the name of the role',
    form: /^[A-Za-z][A-Za-z0-9_.+@-]{0,126}$/,
  },
  roleName: {
    required: true,
    description: 'Name of the role that Millrace takes on',
    form: /^[A-Za-z0-9_+=,.@-]{1,64}$/,
  },
  stagingBucket: {
    required: true,
    description: 'Name of an S3 bucket in the same region, without dots',
    form: /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/,
  },
  stagingSchema: {
    required: false,
    description: 'A schema for Millrace alone; default millrace',
    form: /^[a-z_][a-z0-9_]{0,62}$/,
  },
  bucketPrefix: {
    required: false,
    description: 'Where in the bucket, ending with a slash: millrace/',
    form: /^([A-Za-z0-9_-]{1,60}\/){1,4}$/,
  },
  iamRoleArn: {
    required: false,
    description: 'ARN of the role with which Redshift writes into the bucket, or default',
    form: /^(default|arn:aws(-[a-z]{1,10}){0,2}:iam::[0-9]{12}:role\/[A-Za-z0-9_+=,.@/-]{1,512})$/,
  },
}

const secrets: readonly SecretField[] = []

/** The options as data, for forms, API schemas and reference pages; `problems` judges a value of them. */
export const redshiftOptions = { fields, secrets, problems: optionProblems, read: readOptions } as const

export const stagingSchemaDefault = 'millrace'
export const bucketPrefixDefault = 'millrace/'

/** All that is wrong with the options, and with which secrets are there; empty when they can be tried. */
export function optionProblems(options: unknown, secretNames: readonly string[]): readonly OptionProblem[] {
  const problems = fieldProblems(options)
  for (const name of secretNames)
    problems.push(problem(`/secrets/${pointerPart(name)}`, 'is not known', 'Redshift sources have no secrets.'))
  return problems
}

/** The options, when nothing is wrong with them. */
export function readOptions(options: unknown): RedshiftOptions | null {
  return fieldProblems(options).length === 0 ? (options as RedshiftOptions) : null
}

function fieldProblems(options: unknown): OptionProblem[] {
  const problems = textFieldProblems(options, fields)
  return isRecord(options) ? [...problems, ...placeProblems(options)] : problems
}

function placeProblems(options: object): OptionProblem[] {
  const has = (name: keyof RedshiftOptions) => (options as Partial<RedshiftOptions>)[name] !== undefined
  if (has('clusterId') && has('workgroupName'))
    return [problem('/workgroupName', 'excludes clusterId', 'A source is one cluster or one workgroup.')]
  if (!has('clusterId') && !has('workgroupName'))
    return [problem('/clusterId', 'is missing', 'Give clusterId, or workgroupName for Redshift Serverless.')]
  if (has('workgroupName') && has('dbUser'))
    return [problem('/dbUser', 'is for clusters', 'In a workgroup Millrace is the user IAMR: and the role’s name.')]
  return []
}
