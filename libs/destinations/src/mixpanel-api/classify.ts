import type { RecordRefusal, SendOutcome } from '../destination.ts'
import type { ApiResponse } from './exchange.ts'

const messageLengthMax = 500

/**
 * What an answer of the import, engage or groups endpoint means (retry table of the reliability rules, 3.5):
 *
 *   200 with the shape of a success   accepted
 *   200 that is anything else, 204    retry: it is not known what happened
 *   400 with `failed_records`         accepted but for those (the others are stored)
 *   400, or status 0, without detail  bad_batch
 *   413                               too_large
 *   408, 425, 429, 5xx                retry, after Retry-After when there is one
 *   401, 403, 404 and every other     needs_attention: repeating or dropping records would help nobody
 */
export function classify(response: ApiResponse, records: number): SendOutcome {
  const { status, json } = response
  if (status === 200) return classifySuccess(json, records)
  if (status === 400) {
    const refused = refusals(json, records)
    return refused ? { kind: 'accepted', refused } : { kind: 'bad_batch', message: messageOf(response) }
  }
  return classifyRefusal(response)
}

/** The same for the replacement of a lookup table, where there is no partial success. */
export function classifyLookup(response: ApiResponse): SendOutcome {
  if (response.status === 200) return isSuccess(response.json) ? { kind: 'accepted', refused: [] } : garbage
  if (response.status === 400) return { kind: 'bad_batch', message: messageOf(response) }
  return classifyRefusal(response)
}

/** The same for a removal, which either happens as a whole or is refused for a reason that is not the records'. */
export function classifyRemoval(response: ApiResponse): SendOutcome {
  if (response.status === 202) return { kind: 'accepted', refused: [] }
  const outcome = classifyRefusal(response)
  return outcome.kind === 'too_large' ? attention(response) : outcome
}

const garbage: SendOutcome = { kind: 'retry', reason: 'garbage_answer' }

function classifySuccess(json: unknown, records: number): SendOutcome {
  if (isSuccess(json)) return { kind: 'accepted', refused: refusals(json, records) ?? [] }
  // The profile endpoints say with 200 that a batch is invalid: {"status": 0, "error": …}, or a bare 0.
  if (json === 0) return { kind: 'bad_batch', message: 'The destination calls a record of the batch invalid.' }
  if (isObject(json) && json.status === 0) return { kind: 'bad_batch', message: textOf(json.error) }
  return garbage
}

function classifyRefusal(response: ApiResponse): SendOutcome {
  const { status, retryAfterMs } = response
  if (status === 413) return { kind: 'too_large' }
  if (status === 204 || status === 408 || status === 425 || status === 429 || status >= 500 || status < 200) {
    return { kind: 'retry', reason: `http_${status}`, ...(retryAfterMs === undefined ? {} : { afterMs: retryAfterMs }) }
  }
  if (status < 300) return garbage
  return attention(response)
}

function attention(response: ApiResponse): SendOutcome {
  return { kind: 'needs_attention', status: response.status, message: messageOf(response) }
}

function isSuccess(json: unknown): boolean {
  if (json === 1) return true
  return isObject(json) && (json.code === 200 || json.status === 1 || json.status === 'OK')
}

/** Null when the answer does not say which records; an index outside of the batch makes the list worthless. */
function refusals(json: unknown, records: number): RecordRefusal[] | null {
  if (!isObject(json) || !Array.isArray(json.failed_records) || json.failed_records.length === 0) return null
  const byIndex = new Map<number, RecordRefusal>()
  for (const item of json.failed_records as unknown[]) {
    if (!isObject(item)) return null
    const { index, field, message } = item
    if (typeof index !== 'number' || !Number.isInteger(index) || index < 0 || index >= records) return null
    byIndex.set(index, { index, field: textOf(field), message: textOf(message) })
  }
  return [...byIndex.values()].sort((a, b) => a.index - b.index)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function messageOf({ json, status }: ApiResponse): string {
  const error = isObject(json) ? (json.error ?? json.message) : undefined
  return typeof error === 'string' ? textOf(error) : `The destination answered ${status} without saying why.`
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, messageLengthMax) : ''
}
