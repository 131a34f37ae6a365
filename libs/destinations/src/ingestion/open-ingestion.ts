import type { Dispatcher } from 'undici'
import type { Destination, DestinationConfig, DestinationLimits } from '../destination.ts'
import { DestinationError } from '../destination-error.ts'
import { apiDestination } from '../mixpanel-api/api-destination.ts'

/** services/ingestion on its own terms: no rate is known, so what it can take decides. */
export const ingestionLimits: DestinationLimits = {
  batchRecordsMax: { events: 2000, user_profiles: 2000, group_profiles: 2000 },
  batchBytesMax: 10 * 1024 * 1024,
  recordBytesMax: 1024 * 1024,
  recordsPerSecond: null,
  orderFree: { events: true, user_profiles: false, group_profiles: false, lookup_table: false },
}

/**
 * A project at a server of the public API that the user names by URL; `dispatcher` guards the way there. Throws
 * DestinationError when the URL is none, or carries more than scheme, host, port and path.
 */
export function openIngestion(config: DestinationConfig, dispatcher: Dispatcher): Destination {
  const url = URL.canParse(config.baseUrl ?? '') ? new URL(config.baseUrl!) : null
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash) {
    throw new DestinationError(
      'base_url_invalid',
      'The base URL of the destination is no plain http(s) URL.',
      'Give a URL such as https://ingestion.example.com, without user, query or fragment.',
    )
  }
  const basePath = url.pathname.replace(/\/+$/, '')
  return apiDestination({
    kind: 'ingestion',
    config,
    limits: ingestionLimits,
    dispatcher,
    origin: url.origin,
    basePath,
    keepsVersions: true,
  })
}
