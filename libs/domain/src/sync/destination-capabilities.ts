import type { DestinationKind } from '../words.ts'

/** What a destination can be asked to do, where destinations differ. `why` is said to a person when it cannot. */
export type DestinationCapabilities = {
  readonly name: string
  /** Takes back an event, by its version. */
  readonly eventDeletes: { readonly ok: boolean; readonly why: string }
  /** Keeps what a profile was at an earlier time. */
  readonly profileHistory: { readonly ok: boolean; readonly why: string }
}

export const destinationCapabilities: Readonly<Record<DestinationKind, DestinationCapabilities>> = {
  ingestion: {
    name: 'Millrace ingestion',
    eventDeletes: { ok: true, why: '' },
    profileHistory: { ok: true, why: '' },
  },
  mixpanel: {
    name: 'Mixpanel',
    eventDeletes: { ok: false, why: "Mixpanel's public API has no way to delete or change single events" },
    profileHistory: { ok: false, why: "Mixpanel's public API sets profiles as of now and takes no history" },
  },
}
