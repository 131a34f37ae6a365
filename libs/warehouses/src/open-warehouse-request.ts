import type { WarehouseKind } from '@millrace/domain/words.ts'
import type { KeptReader } from './mirror/kept.ts'

/** One source, ready to be connected to. */
export type OpenWarehouseRequest = {
  readonly kind: WarehouseKind
  /** As stored with the source; checked against the closed set of the kind. */
  readonly options: Readonly<Record<string, unknown>>
  /** Opened secrets by field. They go to the driver and nowhere else. */
  readonly secrets: Readonly<Record<string, string>>
  /** Of the project: roles of AWS accounts let Millrace in under it only. */
  readonly externalId?: string | undefined
  /** What an operator allows beyond the public network: private networks, more ports. */
  readonly net: {
    readonly allowedCidrs: readonly string[]
    readonly allowedPorts?: readonly number[]
    /** An operator's own address of BigQuery's API instead of Google's; tokens are asked for at its `/token`. */
    readonly bigQueryEndpoint?: string | undefined
    /** An operator's own address of BigQuery's Storage Read API; with an address of BigQuery's API and none of this, it is not used. */
    readonly bigQueryStorageEndpoint?: string | undefined
    /** An operator's own address of AWS's STS, Redshift Data and S3 APIs instead of AWS's. */
    readonly awsEndpoint?: string | undefined
    /** Folder with folders of CSV files that sources may be; without one there are none. */
    readonly csvDir?: string | undefined
    /** An operator's own address of Snowflake's API instead of that of the account. */
    readonly snowflakeEndpoint?: string | undefined
    /** An operator's own address of Databricks' workspaces instead of the host of the source. */
    readonly databricksEndpoint?: string | undefined
  }
  /** Millrace's own AWS identity; without it the SDK looks where AWS's programs look: environment, files, the machine's role. */
  readonly aws?: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined
  /** Mirror of warehouses at which nothing may be written: where Millrace keeps what their tables are compared with, and up to how many rows. */
  readonly kept?: KeptReader | undefined
  readonly mirrorRowsMax?: number | undefined
  /** Shown in the warehouse's list of sessions. */
  readonly applicationName: string
}
