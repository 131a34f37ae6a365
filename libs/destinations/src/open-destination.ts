import { httpTargetGuard } from '@millrace/net/http-target-guard.ts'
import type { NetPolicy } from '@millrace/net/net-policy.ts'
import type { Destination, DestinationConfig } from './destination.ts'
import { openIngestion } from './ingestion/open-ingestion.ts'
import { openMixpanel } from './mixpanel/open-mixpanel.ts'

export type OpenDestinationParts = {
  /** Connections to the destination, and so requests in flight, at most. */
  readonly connections: number
  /** Which networks may be connected to beyond public https. */
  readonly policy: NetPolicy
}

/** The destination of a project; nothing connects before the first request. Throws DestinationError. */
export function openDestination(config: DestinationConfig, { connections, policy }: OpenDestinationParts): Destination {
  const { agent } = httpTargetGuard({ policy, agent: { connections, pipelining: 1 } })
  switch (config.kind) {
    case 'mixpanel':
      return openMixpanel(config, agent)
    case 'ingestion':
      return openIngestion(config, agent)
  }
}
