import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { DestinationKind } from '@millrace/domain/words.ts'
import { NetError } from '@millrace/net/net-error.ts'
import type { Dispatcher } from 'undici'
import type {
  BatchedType,
  Destination,
  DestinationConfig,
  DestinationLimits,
  PreparedRequest,
  SendOutcome,
} from '../destination.ts'
import { DestinationError } from '../destination-error.ts'
import type { RecordBatch } from '../record-batch.ts'
import { classify, classifyLookup, classifyRemoval } from './classify.ts'
import { type ApiRequest, type ExchangeLimits, exchange, NoAnswerError } from './exchange.ts'
import { secretHider } from './hide-secrets.ts'
import { BodyMaker } from './request-body.ts'

export type ApiDestinationParts = {
  readonly kind: DestinationKind
  readonly config: DestinationConfig
  readonly limits: DestinationLimits
  /** Speaks to the API's host, through whatever guard the host needs. Closed with the destination. */
  readonly dispatcher: Dispatcher
  /** Scheme, host and port of the API. */
  readonly origin: string
  /** Path before the endpoints, without a slash at the end. */
  readonly basePath: string
  /** Has the endpoints of services/ingestion that take operations on versions. */
  readonly keepsVersions: boolean
  readonly exchangeLimits?: ExchangeLimits
}

const defaultLimits: ExchangeLimits = { requestMs: 60_000, responseBytesMax: 4 * 1024 * 1024 }
/** A table of 100 MB on a slow line. */
const lookupRequestMs = 600_000

/** Speaks the public HTTP API: https://docs.mixpanel.com/reference (import, engage, groups, lookup tables). */
export function apiDestination(parts: ApiDestinationParts): Destination {
  const { kind, config, limits, dispatcher, origin, basePath, keepsVersions, exchangeLimits = defaultLimits } = parts
  const bodies = new BodyMaker()
  const tokenPrefix = Buffer.from(`{"$token":${JSON.stringify(config.token)},`)
  const project = `project_id=${encodeURIComponent(config.destinationProjectId)}`
  const authorization = `Basic ${Buffer.from(`${config.username}:${config.secret}`).toString('base64')}`
  const hideSecrets = secretHider([config.token, config.secret, authorization.slice('Basic '.length)])
  const paths: Record<BatchedType, string> = {
    events: `${basePath}/import?strict=1&${project}`,
    user_profiles: `${basePath}/engage?verbose=1&strict=1&${project}`,
    group_profiles: `${basePath}/groups?verbose=1&strict=1&${project}`,
  }
  const versionedPaths: Record<BatchedType, string> = {
    events: `${basePath}/mirror/events?${project}`,
    user_profiles: `${basePath}/mirror/profiles?${project}`,
    group_profiles: `${basePath}/mirror/profiles?${project}`,
  }
  const jsonHeaders = {
    authorization,
    accept: 'application/json',
    'accept-encoding': 'identity',
    'content-type': 'application/json',
    'content-encoding': 'gzip',
  }

  return {
    kind,
    limits,
    async prepare(tableType: BatchedType, batch: RecordBatch, from: number, to: number): Promise<PreparedRequest> {
      const isVersioned = batch.version !== null
      if (isVersioned && !keepsVersions) throw mirrorNotSupported(kind)
      const prefix = tableType === 'events' ? null : tokenPrefix
      return { tableType, isVersioned, records: to - from, ...bodies.make(batch, from, to, prefix) }
    },
    send({ tableType, isVersioned, records, body }, signal) {
      const path = (isVersioned ? versionedPaths : paths)[tableType]
      const request: ApiRequest = { origin, method: 'POST', path, headers: jsonHeaders, body }
      return outcomeOf(async () =>
        hideSecrets(classify(await exchange(dispatcher, request, exchangeLimits, signal), records)),
      )
    },
    async replaceLookupTable(lookupTableId, path, signal) {
      const { size } = await stat(path)
      return outcomeOf(async () => {
        const request: ApiRequest = {
          origin,
          method: 'PUT',
          path: `${basePath}/lookup-tables/${encodeURIComponent(lookupTableId)}?${project}`,
          headers: { ...lookupHeaders(authorization), 'content-length': String(size) },
          body: createReadStream(path, { highWaterMark: 256 * 1024 }),
        }
        const requestMs = Math.max(exchangeLimits.requestMs, lookupRequestMs)
        return hideSecrets(
          classifyLookup(await exchange(dispatcher, request, { ...exchangeLimits, requestMs }, signal)),
        )
      })
    },
    async removeOlderGenerations(importId, generation, signal) {
      if (!keepsVersions) throw mirrorNotSupported(kind)
      const inProject = `${basePath}/api/projects/${encodeURIComponent(config.destinationProjectId)}`
      const path = `${inProject}/imports/${encodeURIComponent(importId)}?before_generation=${generation}`
      const headers = { authorization, accept: 'application/json', 'accept-encoding': 'identity' }
      const request: ApiRequest = { origin, method: 'DELETE', path, headers, body: null }
      return outcomeOf(async () =>
        hideSecrets(classifyRemoval(await exchange(dispatcher, request, exchangeLimits, signal))),
      )
    },
    close: () => dispatcher.close(),
  }
}

function mirrorNotSupported(kind: DestinationKind): DestinationError {
  return new DestinationError(
    'mirror_not_supported',
    `A destination of kind ${kind} keeps no versions, so it cannot take the rows of a mirror.`,
    'Delete the mirrored syncs of the project, or give the project a destination of kind ingestion again.',
  )
}

function lookupHeaders(authorization: string): Record<string, string> {
  return {
    authorization,
    accept: 'application/json',
    'accept-encoding': 'identity',
    'content-type': 'text/csv',
  }
}

async function outcomeOf(work: () => Promise<SendOutcome>): Promise<SendOutcome> {
  try {
    return await work()
  } catch (error) {
    const refusal = refusalOf(error)
    if (refusal) return { kind: 'needs_attention', status: 0, message: refusal.message }
    if (error instanceof NoAnswerError) return { kind: 'retry', reason: error.reason }
    throw error
  }
}

const refusedByGuard: ReadonlySet<string> = new Set([
  'host_invalid',
  'host_not_allowed',
  'port_not_allowed',
  'tls_required',
])

/** The guard does not let us go there: a matter for people. A name that is not found now may be found later. */
function refusalOf(error: unknown): NetError | null {
  for (let at = error as { cause?: unknown } | undefined, depth = 0; at && depth < 5; depth++) {
    if (at instanceof NetError) return refusedByGuard.has(at.code) ? at : null
    at = at.cause as typeof at
  }
  return null
}
