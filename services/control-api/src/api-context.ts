import type { AccountVerifier } from '@millrace/secrets/account-verifier.ts'
import type { Kek } from '@millrace/secrets/kek.ts'
import type { Account } from '@millrace/store/accounts/find-account.ts'
import type { Database } from '@millrace/store/open-store.ts'
import type { Logger } from '@millrace/telemetry/logger.ts'
import type { OpenWarehouseRequest } from '@millrace/warehouses/open-warehouse-request.ts'
import type { Warehouse } from '@millrace/warehouses/warehouse.ts'
import type { Permission } from './http/permissions.ts'

/** What the routes work with. */
export type ApiContext = {
  readonly db: Database
  readonly kek: Kek
  readonly verifier: AccountVerifier
  readonly openWarehouse: (request: OpenWarehouseRequest) => Warehouse | Promise<Warehouse>
  /** Throws NetError unless updates may be sent to this base URL. */
  readonly checkDestinationUrl: (baseUrl: string) => Promise<void>
  /** Limits requests; Redis may be behind it. */
  readonly limiter: RequestGate
  readonly allowedCidrs: readonly string[]
  /** Folder whose folders of CSV files may be sources. */
  readonly csvDir?: string | undefined
  /** An operator's own address of BigQuery's API instead of Google's. */
  readonly bigQueryEndpoint?: string | undefined
  /** The same of its Storage Read API. */
  readonly bigQueryStorageEndpoint?: string | undefined
  /** An operator's own address of AWS's APIs instead of AWS's. */
  readonly awsEndpoint?: string | undefined
  /** An operator's own address of Snowflake's API instead of that of each account. */
  readonly snowflakeEndpoint?: string | undefined
  /** An operator's own address of Databricks' workspaces instead of each source's host. */
  readonly databricksEndpoint?: string | undefined
  /** Millrace's own AWS identity; without it the SDK finds one. */
  readonly aws?: OpenWarehouseRequest['aws']
  /** ARN of that identity, which the trust of customers' roles names. */
  readonly awsPrincipalArn?: string | undefined
  /** Longest time that a request may keep a warehouse busy, ms. */
  readonly warehouseMs: number
  /** Base of trigger URLs, without a slash at the end. */
  readonly publicUrl: () => string
  /** ms since 1970. */
  readonly now: () => number
  /** A new id that sorts after those before it. */
  readonly newId: () => string
  /** Aborted when the process drains: open event streams end. */
  readonly stopping: AbortSignal
  readonly log: Logger
}

export type RequestGate = {
  allow(
    name: string,
    rate: { readonly requests: number; readonly windowMs: number },
  ): Promise<{ readonly allowed: boolean; readonly retryAfterMs: number }>
}

declare module 'fastify' {
  interface FastifyContextConfig {
    permission?: Permission
  }
  interface FastifyRequest {
    /** Who asks; set for every route that is not public. */
    account: Account
  }
}
