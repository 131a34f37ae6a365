/**
 * What a log line may not show, wherever it stands in the logged value:
 *
 * - the value of a key whose name speaks of a secret (`password`, `clientSecret`, `private_key` …), at any depth;
 * - the user part of a URL (`postgres://user:pass@host` becomes `postgres://[redacted]@host`);
 * - `Bearer …` and `Basic …` credentials and PEM private keys inside text.
 *
 * Values are copied within limits, so that one careless call can neither flood the log nor fail on a cycle.
 */

export const redacted = '[redacted]'

const depthMax = 8
const itemsMax = 100
const textCharsMax = 8192

const secretWords = [
  'password',
  'passwd',
  'pwd',
  'passphrase',
  'secret',
  'token',
  'jwt',
  'authorization',
  'cookie',
  'credential',
  'privatekey',
  'apikey',
  'accesskey',
  'secretkey',
  'wrappedkey',
  'datakey',
  'ciphertext',
  'plaintext',
  'dsn',
  'connectionstring',
]
const secretName = new RegExp(secretWords.join('|'))

/** Does a key of this name hold a secret? Case, `_` and `-` do not matter. */
export function isSecretName(name: string): boolean {
  return secretName.test(name.toLowerCase().replaceAll(/[^a-z]/g, ''))
}

const urlUserInfo = /\b([a-z][a-z0-9+.-]*:\/\/)[^\s/?#"'<>]*@/gi
/** Passwords of servers are often pasted into their URLs as they are, with / ? and # inside. */
const serverUserInfo = /\b((?:postgres(?:ql)?|rediss?|kafka|amqps?|mongodb|mysql):\/\/)[^\s"'<>]{0,500}@/gi
const authorization = /\b(bearer|basic)\s+[a-z0-9+/=._~-]{4,}/gi
const privateKey = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g
/** `password=…`, `clientSecret: '…'`, `"token":"…"` of JSON inside text. */
const assignment =
  /(password|passwd|pwd|passphrase|secret|token|private_?key|api_?key)(\\*["']?\s*[=:]\s*)(\\*"(?:[^"\\]|\\.)*"?|'[^']*'?|[^\s,;&"'}]+)/gi

/** Strips credentials that stand inside free text: URLs, authorization headers, private keys, `password=…`. */
export function redactText(text: string): string {
  return text
    .replace(privateKey, redacted)
    .replace(serverUserInfo, `$1${redacted}@`)
    .replace(urlUserInfo, `$1${redacted}@`)
    .replace(authorization, `$1 ${redacted}`)
    .replace(assignment, `$1$2${redacted}`)
}

/** A copy of any value that is safe to log: plain data, limited in depth, width and length, without secrets. */
export function redactValue(value: unknown): unknown {
  return copy(value, 0, new Set())
}

/** `redactValue` of a record, kept a record. */
export function redactRecord(record: object): Record<string, unknown> {
  return copyRecord(record, 0, new Set())
}

function copy(value: unknown, depth: number, above: Set<object>): unknown {
  switch (typeof value) {
    case 'string':
      return copyText(value)
    case 'bigint':
      return value.toString()
    case 'function':
    case 'symbol':
      return `[${typeof value}]`
    case 'object':
      return value === null ? null : copyObject(value, depth, above)
    default:
      return value
  }
}

function copyText(text: string): string {
  const safe = redactText(text)
  return safe.length <= textCharsMax ? safe : `${safe.slice(0, textCharsMax)}… (${safe.length} characters)`
}

function copyObject(value: object, depth: number, above: Set<object>): unknown {
  if (above.has(value)) return '[circular]'
  if (depth >= depthMax) return '[deeper]'
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString()
  if (value instanceof URL) return redactText(value.href)
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
  above.add(value)
  const result = Array.isArray(value) ? copyList(value, depth, above) : copyRecord(value, depth, above)
  above.delete(value)
  return result
}

function copyList(list: readonly unknown[], depth: number, above: Set<object>): unknown[] {
  const result = list.slice(0, itemsMax).map((item) => copy(item, depth + 1, above))
  if (list.length > itemsMax) result.push(`… ${list.length - itemsMax} more`)
  return result
}

function copyRecord(record: object, depth: number, above: Set<object>): Record<string, unknown> {
  if (record instanceof Map || record instanceof Set) return { [record.constructor.name]: record.size }
  const result: Record<string, unknown> = {}
  // The parts of an Error that people need are not enumerable.
  if (record instanceof Error) {
    result.type = record.name
    result.message = copyText(record.message)
    result.stack = copyText(record.stack ?? '')
    if (record.cause !== undefined) result.cause = copy(record.cause, depth + 1, above)
  }
  const names = Object.keys(record)
  for (const name of names.slice(0, itemsMax)) {
    const value = readProperty(record, name)
    const safe = hides(name, value) ? redacted : copy(value, depth + 1, above)
    // Not by assignment: `__proto__` is a name like any other here.
    Object.defineProperty(result, copyText(name), { value: safe, enumerable: true, configurable: true, writable: true })
  }
  if (names.length > itemsMax) result['…'] = `${names.length - itemsMax} more`
  return result
}

function hides(name: string, value: unknown): boolean {
  return value !== null && value !== undefined && typeof value !== 'boolean' && isSecretName(name)
}

function readProperty(record: object, name: string): unknown {
  try {
    return (record as Record<string, unknown>)[name]
  } catch {
    return '[unreadable]' // a getter that throws must not take the log line with it
  }
}
