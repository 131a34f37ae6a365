import type { OptionProblem } from '../option-problem.ts'
import {
  formField,
  type Grantee,
  nameField,
  type SetUpField,
  type SetUpGuide,
  type SetUpNames,
  type SetUpStatement,
  type SetUpStep,
} from '../set-up/set-up-guide.ts'
import { shellCommand } from '../set-up/shell-command.ts'
import { partitionOf } from './aws-partition.ts'
import { type IamDocument, type IamNames, rolePolicy, roleTrust, unloadPolicy, unloadTrust } from './iam-documents.ts'
import { quoteName } from './identifiers.ts'
import { bucketPrefixDefault, redshiftOptions, stagingSchemaDefault } from './options.ts'

/** Stands in statements when the operator has not told Millrace's own ARN. */
const somePrincipal = 'ARN_OF_MILLRACE'
/** Stands in statements that are shown before a schema was chosen. */
const someSchema = 'SCHEMA_TO_BE_SYNCED'
const policyForm = /^[A-Za-z0-9_+=,.@-]{1,128}$/
const roleLengthMax = 64
const unloadSuffix = '-unload'

const optionFields = Object.fromEntries(
  Object.entries(redshiftOptions.fields).map(([name, { form, description, required }]): [string, SetUpField] => [
    name,
    formField(form, description, { required }),
  ]),
)

/**
 * Makes the bucket, Millrace's role, the role with which Redshift writes into the bucket, the database user and the staging
 * schema: the guide's views, filled in. The roles' JSON comes for the console and as a command.
 */
export const redshiftSetUp: SetUpGuide = {
  fields: {
    ...optionFields,
    stagingSchema: { ...optionFields.stagingSchema!, default: stagingSchemaDefault },
    bucketPrefix: { ...optionFields.bucketPrefix!, default: bucketPrefixDefault },
    policyName: formField(policyForm, 'Name of the policy of the role', { default: 'millrace' }),
    schema: nameField(quoteName, 'Schema to be synced', { default: someSchema }),
  },
  problems: setUpProblems,
  steps: redshiftSteps,
  namesOf: (options, _secrets, table) => ({ ...options, ...(table ? { schema: table.schema } : {}) }),
}

function setUpProblems({ policyName: _, schema: __, ...options }: SetUpNames): readonly OptionProblem[] {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
  const problems = redshiftOptions.problems(given, [])
  const { roleName = '', iamRoleArn } = options
  if (problems.length > 0 || roleOf(iamRoleArn) !== null || roleName.length + unloadSuffix.length <= roleLengthMax)
    return problems
  const hint = `At most ${roleLengthMax - unloadSuffix.length} characters, for a second role is called after it; or give iamRoleArn.`
  return [{ path: '/roleName', message: 'is too long', hint }]
}

function redshiftSteps(names: SetUpNames, grantee: Grantee): readonly SetUpStep[] {
  const iam = names as unknown as IamNames
  const { roleName = '', policyName = '', iamRoleArn } = names
  const account = `arn:${partitionOf(iam.region)}:iam::${iam.awsAccountId}`
  const { awsPrincipalArn = somePrincipal, externalId = 'EXTERNAL_ID' } = grantee
  const unloadRole = roleOf(iamRoleArn) ?? `${roleName}${unloadSuffix}`
  return [
    {
      id: 'staging-bucket',
      title: 'Make the bucket that rows are unloaded to',
      check: 'Can read and delete in the bucket',
      run: 'all',
      statements: [cli(createBucket(iam))],
    },
    {
      id: 'policy',
      title: 'Make the policy of Millrace’s role',
      check: 'Can reach the cluster or workgroup',
      run: 'one',
      statements: asJson(rolePolicy(iam), 'IAM console: Policies, Create policy, JSON', (document) =>
        aws('iam', 'create-policy', { 'policy-name': policyName, 'policy-document': document }),
      ),
    },
    {
      id: 'role',
      title: 'Make Millrace’s role, which lets in this project only',
      check: `Can assume the role ${roleName}`,
      run: 'one',
      statements: asJson(
        roleTrust(awsPrincipalArn, externalId),
        'IAM console: Roles, Create role, Custom trust policy',
        (document) => aws('iam', 'create-role', { 'role-name': roleName, 'assume-role-policy-document': document }),
      ),
    },
    {
      id: 'attach-policy',
      title: 'Attach the policy to the role',
      check: 'Can reach the cluster or workgroup',
      run: 'all',
      statements: [
        cli(
          aws('iam', 'attach-role-policy', {
            'role-name': roleName,
            'policy-arn': `${account}:policy/${policyName}`,
          }),
        ),
      ],
    },
    ...unloadSteps(iam, unloadRole, iamRoleArn ?? 'default', account),
    ...databaseSteps(names),
  ]
}

/** UNLOAD writes as a role of the cluster's own. */
function unloadSteps(names: IamNames, role: string, iamRoleArn: string, account: string): readonly SetUpStep[] {
  const check = `Can unload to the bucket ${names.stagingBucket}`
  return [
    {
      id: 'unload-role',
      title: 'Make the role with which Redshift writes into the bucket, unless there is one',
      check,
      run: 'one',
      statements: asJson(unloadTrust(), 'IAM console: Roles, Create role, Custom trust policy', (document) =>
        aws('iam', 'create-role', { 'role-name': role, 'assume-role-policy-document': document }),
      ),
    },
    {
      id: 'unload-policy',
      title: 'Let it write into the bucket',
      check,
      run: 'one',
      statements: asJson(unloadPolicy(names), `IAM console: Roles, ${role}, Create inline policy`, (document) =>
        aws('iam', 'put-role-policy', { 'role-name': role, 'policy-name': 'millrace', 'policy-document': document }),
      ),
    },
    {
      id: 'attach-unload-role',
      title:
        names.clusterId === undefined
          ? 'Attach it to Redshift: the list of roles is replaced, so name those that are there as well'
          : 'Attach it to Redshift',
      check,
      run: 'all',
      statements: [
        cli(attachToRedshift(names, iamRoleArn === 'default' ? `${account}:role/${role}` : iamRoleArn, iamRoleArn)),
      ],
    },
  ]
}

function databaseSteps({ dbUser, roleName, schema = '', stagingSchema = '' }: SetUpNames): readonly SetUpStep[] {
  const user = quoteName(dbUser ?? `IAMR:${roleName}`)
  const [from, staging] = [quoteName(schema), quoteName(stagingSchema)]
  const readTables = `GRANT SELECT ON ALL TABLES IN SCHEMA ${from} TO ${user}`
  return [
    sql('user', 'Make the database user, unless there is one', 'Can run a statement', [
      `CREATE USER ${user} PASSWORD DISABLE`,
    ]),
    sql('read-schema', `Let it read schema ${schema}`, `Can read schema ${schema}`, [
      `GRANT USAGE ON SCHEMA ${from} TO ${user}`,
      readTables,
    ]),
    sql('new-tables', 'After new tables were made: grant again; or once, as the user who makes them', null, [
      readTables,
      `ALTER DEFAULT PRIVILEGES IN SCHEMA ${from} GRANT SELECT ON TABLES TO ${user}`,
    ]),
    sql('staging-schema', 'Make a schema for Millrace alone', `Can write the staging schema ${stagingSchema}`, [
      `CREATE SCHEMA ${staging}`,
      `GRANT CREATE, USAGE ON SCHEMA ${staging} TO ${user}`,
    ]),
  ]
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html: us-east-1 is no location constraint. */
function createBucket({ stagingBucket, region }: IamNames): string {
  const constraint: Readonly<Record<string, string>> =
    region === 'us-east-1' ? {} : { 'create-bucket-configuration': `LocationConstraint=${region}` }
  return aws('s3api', 'create-bucket', { bucket: stagingBucket, region, ...constraint })
}

/** As the default role when no other is named; a workgroup's roles are those of its namespace. */
function attachToRedshift({ clusterId, workgroupName = '', region }: IamNames, arn: string, asked: string): string {
  const asDefault: Readonly<Record<string, string>> = asked === 'default' ? { 'default-iam-role-arn': arn } : {}
  if (clusterId !== undefined)
    return aws('redshift', 'modify-cluster-iam-roles', {
      region,
      'cluster-identifier': clusterId,
      'add-iam-roles': arn,
      ...asDefault,
    })
  const options = { 'workgroup-name': workgroupName, query: 'workgroup.namespaceName', output: 'text' }
  const namespace = `--namespace-name "$(${aws('redshift-serverless', 'get-workgroup', { region, ...options })})"`
  return `${aws('redshift-serverless', 'update-namespace', { region, 'iam-roles': arn, ...asDefault })} ${namespace}`
}

function aws(service: string, operation: string, options: Readonly<Record<string, string>>): string {
  return shellCommand(['aws', service, operation], options)
}

function cli(text: string): SetUpStatement {
  return { language: 'shell', where: 'AWS CLI', text }
}

/** The document to paste, and the command that has it inline. */
function asJson(document: IamDocument, where: string, command: (inline: string) => string): readonly SetUpStatement[] {
  return [{ language: 'json', where, text: JSON.stringify(document, null, 2) }, cli(command(JSON.stringify(document)))]
}

function sql(id: string, title: string, check: string | null, texts: readonly string[]): SetUpStep {
  const statements = texts.map((text) => ({ language: 'sql', where: 'Redshift query editor', text }) as const)
  return { id, title, check, run: 'all', statements }
}

/** The name of a role from its ARN, without its path; null for none and the default. */
function roleOf(arn: string | undefined): string | null {
  return arn === undefined || arn === 'default' ? null : arn.slice(arn.lastIndexOf('/') + 1)
}
