import { RedshiftDataClient } from '@aws-sdk/client-redshift-data'
import { S3Client } from '@aws-sdk/client-s3'
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts'
import { httpTargetGuard } from '@millrace/net/http-target-guard.ts'
import type { NetPolicy } from '@millrace/net/net-policy.ts'
import { awsHttpHandler } from './aws-http-handler.ts'
import { partitionOf } from './aws-partition.ts'
import type { RedshiftOptions } from './options.ts'

export type AwsParts = {
  readonly options: RedshiftOptions
  /** Of the project; roles name it as the condition of their trust. */
  readonly externalId: string
  readonly policy: NetPolicy
  /** Instead of AWS's: an operator's own address of STS, Redshift Data and S3. */
  readonly endpoint: string | null
  /** Millrace's own; null = where the SDK looks by itself. */
  readonly identity: { readonly accessKeyId: string; readonly secretAccessKey: string } | null
  readonly applicationName: string
}

export type AwsClients = {
  /** Takes on the role now, if it is not taken on already. Throws what the SDK throws. */
  assumeRole(): Promise<void>
  readonly data: RedshiftDataClient
  readonly s3: S3Client
  close(): Promise<void>
}

type RoleCredentials = {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string
  readonly expiration: Date
}

/** An hour is the longest that a role gives without its owner having changed it. */
const sessionSeconds = 3600
/** Credentials are renewed so long before they end. */
const renewMs = 5 * 60_000
const triesMax = 5

/**
 * Clients of the official SDK that act as the customer's role. Hosts follow from the region, whose form is checked; each
 * connection passes the guard.
 */
export function awsClients(parts: AwsParts): AwsClients {
  const { options, endpoint, applicationName } = parts
  const guard = httpTargetGuard({
    policy: parts.policy,
    agent: { connections: 32, headersTimeout: 90_000, bodyTimeout: 90_000 },
  })
  const common = {
    region: options.region,
    requestHandler: awsHttpHandler(guard.agent),
    maxAttempts: triesMax,
    customUserAgent: applicationName,
    ...(endpoint === null ? {} : { endpoint }),
  }
  const sts = new STSClient({ ...common, ...(parts.identity === null ? {} : { credentials: parts.identity }) })
  const credentials = roleCredentials(sts, parts)
  return {
    async assumeRole() {
      await credentials()
    },
    data: new RedshiftDataClient({ ...common, credentials }),
    s3: new S3Client({ ...common, credentials, forcePathStyle: endpoint !== null }),
    close: () => guard.agent.close(),
  }
}

/** One session for all clients, renewed before it ends. */
function roleCredentials(sts: STSClient, { options, externalId, applicationName }: AwsParts) {
  const arn = `arn:${partitionOf(options.region)}:iam::${options.awsAccountId}:role/${options.roleName}`
  const ask = async (): Promise<RoleCredentials> => {
    const { Credentials: given } = await sts.send(
      new AssumeRoleCommand({
        RoleArn: arn,
        RoleSessionName: applicationName,
        ExternalId: externalId,
        DurationSeconds: sessionSeconds,
      }),
    )
    if (!given?.AccessKeyId || !given.SecretAccessKey || !given.SessionToken) throw new Error('STS gave no credentials')
    const { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, SessionToken: sessionToken } = given
    const expiration = given.Expiration ?? new Date(Date.now() + sessionSeconds * 1000)
    return { accessKeyId, secretAccessKey, sessionToken, expiration }
  }
  let known: Promise<RoleCredentials> | null = null
  return async (): Promise<RoleCredentials> => {
    const present = await known?.catch(() => null)
    if (present && present.expiration.getTime() - Date.now() > renewMs) return present
    known = ask()
    return await known
  }
}
