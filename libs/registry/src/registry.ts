import { setTimeout as sleep } from 'node:timers/promises'
import { RegistryError } from './registry-error.ts'

/** An Avro record schema as JSON. */
export type RecordSchema = { readonly type: 'record'; readonly name: string; readonly namespace?: string }

export type Registry = {
  /**
   * The id of a schema under the subject of its topic and record name, registered with BACKWARD compatibility when it
   * is new. Asked once per schema: later calls, and calls at the same time, share the answer.
   * Rejects with RegistryError `incompatible`, `invalid_schema` or `unavailable`.
   */
  register(topic: string, schema: object): Promise<number>
  /** The schema of an id, as JSON. Kept for ever, since ids never change. Rejects with `unknown_id` or `unavailable`. */
  schemaById(id: number): Promise<RecordSchema>
  /** Is there an answer at all? For readiness. */
  reachable(): Promise<boolean>
}

export type RegistryOptions = {
  /** Base of a Confluent-compatible REST API, such as `http://127.0.0.1:8081/apis/ccompat/v7`. */
  readonly url: string
  /** For one request. */
  readonly timeoutMs?: number
  /** A request that found nobody is repeated this often, with growing pauses, before `unavailable`. */
  readonly attempts?: number
}

/** Topic-record-name strategy: a topic may carry several record types, each evolving on its own. */
export function subjectOf(topic: string, schema: RecordSchema): string {
  return `${topic}-${schema.namespace ? `${schema.namespace}.` : ''}${schema.name}`
}

/** A client of a schema registry. What it has learnt once keeps working while the registry is away. */
export function createRegistry(options: RegistryOptions): Registry {
  const call = createCaller(options)
  const ids = new OnceCache<string, number>()
  const schemas = new OnceCache<number, RecordSchema>()

  async function requireBackward(subject: string): Promise<boolean> {
    const path = `/config/${encodeURIComponent(subject)}`
    const { status } = await call('PUT', path, { compatibility: 'BACKWARD' })
    return status < 300
  }

  async function registerNew(subject: string, text: string): Promise<number> {
    // Some registries refuse to configure a subject that has no version yet; then it is done right after the first one.
    const configured = await requireBackward(subject)
    const path = `/subjects/${encodeURIComponent(subject)}/versions`
    const { status, body } = await call('POST', path, { schema: text, schemaType: 'AVRO' })
    if (status >= 300) throw refused(subject, status, body)
    if (!configured && !(await requireBackward(subject))) {
      throw new RegistryError('unavailable', `The registry does not let ${subject} be made BACKWARD compatible.`)
    }
    return (body as { id: number }).id
  }

  return {
    register(topic, schema) {
      const subject = subjectOf(topic, schema as RecordSchema)
      const text = JSON.stringify(schema)
      return ids.get(`${subject} ${text}`, () => registerNew(subject, text))
    },
    schemaById: (id) =>
      schemas.get(id, async () => {
        const { status, body } = await call('GET', `/schemas/ids/${id}`)
        if (status === 404) throw new RegistryError('unknown_id', `The registry knows no schema with id ${id}.`)
        if (status >= 300) throw new RegistryError('unavailable', `The registry answers ${status} for a schema id.`)
        return JSON.parse((body as { schema: string }).schema) as RecordSchema
      }),
    async reachable() {
      try {
        return (await call('GET', '/schemas/types')).status < 500
      } catch {
        return false
      }
    },
  }
}

function refused(subject: string, status: number, body: unknown): RegistryError {
  const reason = String((body as { message?: unknown } | null)?.message ?? `status ${status}`)
  if (status === 409)
    return new RegistryError('incompatible', `The new schema of ${subject} cannot read older records: ${reason}`)
  return new RegistryError('invalid_schema', `The registry refused the schema of ${subject}: ${reason}`)
}

type Answer = { readonly status: number; readonly body: unknown }
type Caller = (method: string, path: string, content?: object) => Promise<Answer>

/** Answers below 500 are given back; anything else is tried again and becomes `unavailable` in the end. */
function createCaller({ url, timeoutMs = 5000, attempts = 4 }: RegistryOptions): Caller {
  const base = url.replace(/\/$/, '')
  return async (method, path, content) => {
    let cause: unknown
    for (let attempt = 0; attempt < attempts; attempt++) {
      if (attempt > 0) await sleep(100 * 2 ** attempt)
      try {
        const response = await fetch(base + path, {
          method,
          redirect: 'error',
          signal: AbortSignal.timeout(timeoutMs),
          headers: { accept: 'application/json', 'content-type': 'application/vnd.schemaregistry.v1+json' },
          ...(content && { body: JSON.stringify(content) }),
        })
        const text = await response.text()
        if (response.status < 500 && response.status !== 429) return { status: response.status, body: parse(text) }
        cause = new Error(`status ${response.status}`)
      } catch (error) {
        cause = error
      }
    }
    throw new RegistryError('unavailable', `The schema registry does not answer (${method} ${path}).`, { cause })
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return { message: text.slice(0, 200) }
  }
}

/** Remembers results; a computation under way is shared, a failed one is forgotten. */
class OnceCache<K, V> {
  readonly #entries = new Map<K, Promise<V>>()

  get(key: K, compute: () => Promise<V>): Promise<V> {
    const known = this.#entries.get(key)
    if (known) return known
    const entry = compute()
    this.#entries.set(key, entry)
    entry.catch(() => this.#entries.delete(key))
    return entry
  }
}
