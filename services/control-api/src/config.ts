import { awsIdentity } from '@millrace/telemetry/aws-identity.ts'
import type { EnvReader } from '@millrace/telemetry/config.ts'

/** The control API's configuration, from the environment. */
export function controlApiConfig(read: EnvReader) {
  return {
    storeUrl: read.secret('MILLRACE_STORE_URL'),
    kekFile: read.text('MILLRACE_KEK_FILE'),
    /** Shared request limits; without it each process limits for itself. */
    redisUrl: read.optional('MILLRACE_REDIS_URL'),
    host: read.text('MILLRACE_HOST', { default: '127.0.0.1' }),
    port: read.integer('MILLRACE_PORT', { default: 0, max: 65_535 }),
    portFile: read.optional('MILLRACE_PORT_FILE'),
    adminPort: read.integer('MILLRACE_ADMIN_PORT', { default: 0, max: 65_535 }),
    adminPortFile: read.optional('MILLRACE_ADMIN_PORT_FILE'),
    /** Base of trigger URLs; default the address that is listened on. */
    publicUrl: read.optional('MILLRACE_PUBLIC_URL'),
    allowedCidrs: read.list('MILLRACE_ALLOWED_CIDRS', { default: [] }),
    /** An operator's own address of BigQuery's API instead of Google's. */
    bigQueryEndpoint: read.optional('MILLRACE_BIGQUERY_ENDPOINT'),
    bigQueryStorageEndpoint: read.optional('MILLRACE_BIGQUERY_STORAGE_ENDPOINT'),
    /** Folder whose folders of CSV files may be sources; without one there are none. */
    csvDir: read.optional('MILLRACE_CSV_DIR'),
    /** An operator's own address of AWS's STS, Redshift Data and S3 APIs instead of AWS's. */
    awsEndpoint: read.optional('MILLRACE_AWS_ENDPOINT'),
    /** An operator's own address of Snowflake's API instead of that of each account. */
    snowflakeEndpoint: read.optional('MILLRACE_SNOWFLAKE_ENDPOINT'),
    /** An operator's own address of Databricks' workspaces instead of each source's host. */
    databricksEndpoint: read.optional('MILLRACE_DATABRICKS_ENDPOINT'),
    /** Millrace's own AWS identity; without it the SDK finds one. */
    aws: awsIdentity(read),
    /** ARN of that identity, shown by the set-up of Redshift. */
    awsPrincipalArn: read.optional('MILLRACE_AWS_PRINCIPAL_ARN'),
    bootstrap: bootstrapAccount(read),
  }
}

function bootstrapAccount(read: EnvReader): { readonly username: string; readonly secret: string } | null {
  const username = read.optional('MILLRACE_BOOTSTRAP_ACCOUNT')
  return username === undefined ? null : { username, secret: read.secret('MILLRACE_BOOTSTRAP_SECRET') }
}
