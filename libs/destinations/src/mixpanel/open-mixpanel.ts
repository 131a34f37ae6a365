import type { Dispatcher } from 'undici'
import type { Destination, DestinationConfig, DestinationLimits } from '../destination.ts'
import { DestinationError } from '../destination-error.ts'
import { apiDestination } from '../mixpanel-api/api-destination.ts'

/** Hosts of data residency: https://docs.mixpanel.com/docs/privacy/eu-residency and in-residency. No other host is ever used. */
const hosts = { US: 'api.mixpanel.com', EU: 'api-eu.mixpanel.com', IN: 'api-in.mixpanel.com' } as const

/** Source: https://docs.mixpanel.com/reference/import-events, rate limits and batch limits of the profile endpoints. */
export const mixpanelLimits: DestinationLimits = {
  batchRecordsMax: { events: 2000, user_profiles: 2000, group_profiles: 200 },
  batchBytesMax: 10 * 1024 * 1024,
  recordBytesMax: 1024 * 1024,
  recordsPerSecond: 30_000,
  orderFree: { events: true, user_profiles: false, group_profiles: false, lookup_table: false },
}

/** A project at Mixpanel, at the host of its region. Throws DestinationError for a region that does not exist. */
export function openMixpanel(config: DestinationConfig, dispatcher: Dispatcher): Destination {
  const host = config.region === undefined ? undefined : hosts[config.region]
  if (host === undefined) {
    throw new DestinationError('region_unknown', 'The region of the Mixpanel project is unknown.', 'Use US, EU or IN.')
  }
  return apiDestination({
    kind: 'mixpanel',
    config,
    limits: mixpanelLimits,
    dispatcher,
    origin: `https://${host}`,
    basePath: '',
    keepsVersions: false,
  })
}
