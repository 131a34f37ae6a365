import type { ServiceName } from '@millrace/local-stack/service-process.ts'

/** The warehouses that are measured through a stand-in, since the service itself cannot be had on this machine. */
export const standInKinds = ['bigquery', 'redshift'] as const
export type StandInKind = (typeof standInKinds)[number]

export type StandInRequest = { readonly dir: string; readonly rows: number; readonly seed: number }

/** What a stand-in tells once its table is filled; plain JSON, for it runs in a process of its own. */
export type StandInAddress = {
  /** More environment of the services that open the source. */
  readonly env: Partial<Record<ServiceName, Readonly<Record<string, string>>>>
  /** Body of the source in the control API, without its name. */
  readonly source: Readonly<Record<string, unknown>>
  readonly table: { readonly schema: string; readonly name: string }
}

/** A running stand-in with the generated table, inside of its process. */
export type StandIn = StandInAddress & {
  /** Changes one row in a hundred, deletes one in a thousand and adds one in a thousand. */
  change(): Promise<void>
  close(): Promise<void>
}
