import { partitionOf } from './aws-partition.ts'

/** Names that stand in policies, with defaults filled in. */
export type IamNames = {
  readonly awsAccountId: string
  readonly region: string
  readonly clusterId: string | undefined
  readonly workgroupName: string | undefined
  readonly database: string
  readonly dbUser: string | undefined
  readonly stagingBucket: string
  readonly bucketPrefix: string
}

/** A document of IAM, as the console takes it. */
export type IamDocument = { readonly Version: '2012-10-17'; readonly Statement: readonly object[] }

/** What Millrace's role may do: run statements, as one user of one database, and read and remove what was unloaded. */
export function rolePolicy(names: IamNames): IamDocument {
  const { region, stagingBucket, bucketPrefix } = names
  const bucket = `arn:${partitionOf(region)}:s3:::${stagingBucket}`
  return document([
    allow(
      'RunStatements',
      ['redshift-data:ExecuteStatement', 'redshift-data:BatchExecuteStatement'],
      [targetOf(names)],
    ),
    allow(
      'FollowStatements',
      [
        'redshift-data:DescribeStatement',
        'redshift-data:GetStatementResult',
        'redshift-data:CancelStatement',
        'redshift-data:ListStatements',
      ],
      ['*'],
    ),
    logIn(names),
    allow('FindUnloadedRows', ['s3:ListBucket', 's3:GetBucketLocation'], [bucket]),
    allow('ReadAndRemoveUnloadedRows', ['s3:GetObject', 's3:DeleteObject'], [`${bucket}/${bucketPrefix}*`]),
  ])
}

/** The role can be taken on by Millrace, for one project only. https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html */
export function roleTrust(principalArn: string, externalId: string): IamDocument {
  return document([
    {
      Effect: 'Allow',
      Principal: { AWS: principalArn },
      Action: 'sts:AssumeRole',
      Condition: { StringEquals: { 'sts:ExternalId': externalId } },
    },
  ])
}

/** What Redshift itself needs for UNLOAD. https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-access-permissions.html */
export function unloadPolicy({ region, stagingBucket, bucketPrefix }: IamNames): IamDocument {
  const bucket = `arn:${partitionOf(region)}:s3:::${stagingBucket}`
  return document([
    allow('FindTheBucket', ['s3:ListBucket', 's3:GetBucketLocation'], [bucket]),
    allow('WriteRows', ['s3:PutObject', 's3:GetObject'], [`${bucket}/${bucketPrefix}*`]),
  ])
}

/** The role can be taken on by Redshift. */
export function unloadTrust(): IamDocument {
  return document([{ Effect: 'Allow', Principal: { Service: 'redshift.amazonaws.com' }, Action: 'sts:AssumeRole' }])
}

/** Ids of workgroups are not their names, so all of the account in that region are meant. */
function targetOf({ awsAccountId, region, clusterId }: IamNames): string {
  const partition = partitionOf(region)
  return clusterId === undefined
    ? `arn:${partition}:redshift-serverless:${region}:${awsAccountId}:workgroup/*`
    : `arn:${partition}:redshift:${region}:${awsAccountId}:cluster:${clusterId}`
}

/** https://docs.aws.amazon.com/redshift/latest/mgmt/data-api-iam.html */
function logIn(names: IamNames): object {
  const { awsAccountId, region, clusterId, database, dbUser } = names
  if (clusterId === undefined) return allow('LogIn', ['redshift-serverless:GetCredentials'], [targetOf(names)])
  const arn = `arn:${partitionOf(region)}:redshift:${region}:${awsAccountId}`
  const name = `${arn}:dbname:${clusterId}/${database}`
  if (dbUser === undefined) return allow('LogIn', ['redshift:GetClusterCredentialsWithIAM'], [name])
  return allow('LogIn', ['redshift:GetClusterCredentials'], [name, `${arn}:dbuser:${clusterId}/${dbUser}`])
}

function allow(Sid: string, Action: readonly string[], Resource: readonly string[]): object {
  return { Sid, Effect: 'Allow', Action, Resource }
}

function document(Statement: readonly object[]): IamDocument {
  return { Version: '2012-10-17', Statement }
}
