import type { Dispatcher } from 'undici'
import type { Destination, DestinationConfig } from './destination.ts'
import { openIngestion } from './ingestion/open-ingestion.ts'
import { openMixpanel } from './mixpanel/open-mixpanel.ts'

export type OpenDestinationParts = {
  /** Connections to the destination, and so requests in flight, at most. */
  readonly connections: number
  /** Connects to a host that a user named; refuses networks that the operator has not allowed. */
  dispatcherTo(origin: URL, connections: number): Dispatcher
}

/** The destination of a project; nothing connects before the first request. Throws DestinationError. */
export function openDestination(config: DestinationConfig, parts: OpenDestinationParts): Destination {
  switch (config.kind) {
    case 'mixpanel':
      return openMixpanel(config, parts.connections)
    case 'ingestion':
      return openIngestion(config, (origin) => parts.dispatcherTo(origin, parts.connections))
  }
}
