import { randomBytes } from 'node:crypto'
import { AwsError, accessDenied } from './aws-error.ts'
import type { Signer } from './signature.ts'

/** What tests may take away or give. */
export type Trust = {
  /** The role that Millrace takes on trusts it under these external ids only. */
  readonly externalIds: Set<string>
  /** For whoever measures and does not test: every external id is trusted. */
  trustsEveryone: boolean
  /** What the role may do: `redshift-data:*`, `redshift:GetClusterCredentials`, `s3:GetObject` … */
  readonly actions: Set<string>
  /** Roles of the cluster with which it writes into the bucket; the first is its default one. */
  readonly unloadRoles: string[]
  /** May those roles write into the bucket? */
  mayUnload: boolean
}

export type IamNames = { readonly accountId: string; readonly roleName: string }

/** Millrace's own identity, the customer's role, and the sessions of it. */
export class Iam {
  readonly identity = { accessKeyId: `AKIA${key(8)}`, secretAccessKey: randomBytes(20).toString('hex') }
  readonly trust: Trust
  readonly signers = new Map<string, Signer>()
  readonly #roleArn: string
  readonly #now: () => number

  constructor({ accountId, roleName }: IamNames, now: () => number) {
    this.#now = now
    this.#roleArn = `arn:aws:iam::${accountId}:role/${roleName}`
    const unload = `arn:aws:iam::${accountId}:role/RedshiftUnload`
    this.trust = {
      externalIds: new Set(),
      trustsEveryone: false,
      actions: new Set(allActions),
      unloadRoles: [unload],
      mayUnload: true,
    }
    this.signers.set(this.identity.accessKeyId, {
      ...this.identity,
      sessionToken: null,
      expiresAtMs: null,
      role: null,
    })
  }

  /** STS AssumeRole. Throws AccessDenied in AWS's words, which do not tell why. */
  assumeRole(signer: Signer, input: URLSearchParams): string {
    const arn = input.get('RoleArn') ?? ''
    const seconds = Number(input.get('DurationSeconds') ?? 3600)
    if (seconds < 900 || seconds > 3600)
      throw new AwsError(
        'ValidationError',
        'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.',
      )
    const { externalIds, trustsEveryone } = this.trust
    const isTrusted = trustsEveryone || externalIds.has(input.get('ExternalId') ?? '')
    if (signer.role !== null || arn !== this.#roleArn || !isTrusted)
      throw new AwsError(
        'AccessDenied',
        `User: arn:aws:iam::111111111111:user/millrace is not authorized to perform: sts:AssumeRole on resource: ${arn}`,
        403,
      )
    const expiresAtMs = this.#now() + seconds * 1000
    const session: Signer = {
      accessKeyId: `ASIA${key(8)}`,
      secretAccessKey: randomBytes(20).toString('hex'),
      sessionToken: randomBytes(60).toString('base64'),
      expiresAtMs,
      role: arn.slice(arn.lastIndexOf('/') + 1),
    }
    this.signers.set(session.accessKeyId, session)
    return assumed(session, arn, input.get('RoleSessionName') ?? 'session')
  }

  /** Throws AccessDeniedException unless the role may. */
  allow(signer: Signer, action: string): void {
    if (signer.role !== null && this.trust.actions.has(action)) return
    const who = signer.role === null ? 'user/millrace' : `assumed-role/${signer.role}/session`
    throw accessDenied(
      `User: ${who} is not authorized to perform: ${action} because no identity-based policy allows the ${action} action`,
    )
  }
}

const allActions = [
  'redshift-data:ExecuteStatement',
  'redshift-data:BatchExecuteStatement',
  'redshift-data:DescribeStatement',
  'redshift-data:GetStatementResult',
  'redshift-data:CancelStatement',
  'redshift-data:ListStatements',
  'redshift:GetClusterCredentials',
  'redshift:GetClusterCredentialsWithIAM',
  'redshift-serverless:GetCredentials',
  's3:GetObject',
  's3:PutObject',
  's3:DeleteObject',
  's3:ListBucket',
  's3:GetBucketLocation',
]

function assumed(session: Signer, arn: string, name: string): string {
  return `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><AssumedRoleUser>
<AssumedRoleId>AROA0000000000000000:${name}</AssumedRoleId><Arn>${arn.replace(':role/', ':assumed-role/')}/${name}</Arn></AssumedRoleUser>
<Credentials><AccessKeyId>${session.accessKeyId}</AccessKeyId><SecretAccessKey>${session.secretAccessKey}</SecretAccessKey>
<SessionToken>${session.sessionToken}</SessionToken><Expiration>${new Date(session.expiresAtMs ?? 0).toISOString()}</Expiration></Credentials>
</AssumeRoleResult><ResponseMetadata><RequestId>stand-in</RequestId></ResponseMetadata></AssumeRoleResponse>`
}

function key(bytes: number): string {
  return randomBytes(bytes).toString('hex').toUpperCase()
}
