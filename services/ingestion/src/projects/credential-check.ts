import { createHmac, randomBytes } from 'node:crypto'
import { hashSecret, secretMatches } from './secret-hash.ts'

/** How long an outcome is believed, in milliseconds: a revoked secret works no longer than this. */
const cacheMs = 60_000
const cachedMax = 1000
/** Verifications that may wait for their turn: each costs some 100 ms of CPU. Of one pair there is one. */
const waitingMax = 8

export type CredentialOutcome = 'good' | 'bad' | 'busy'

/**
 * Verifies secrets against their scrypt hashes, one at a time, and remembers the outcome for a minute under an HMAC of
 * the pair, so that basic auth costs microseconds a request and a flood of wrong secrets cannot take the CPU. The many
 * requests at once with which a loader begins cost one verification.
 */
export class CredentialCheck {
  readonly #key = randomBytes(32)
  readonly #outcomes = new Map<string, { readonly good: boolean; readonly untilMs: number }>()
  readonly #now: () => number
  readonly #pending = new Map<string, Promise<boolean>>()
  #turn: Promise<unknown> = Promise.resolve()
  /** Compared with when there is no such account, so that both cases take as long. */
  readonly #nobody = hashSecret('nobody')

  constructor(now: () => number) {
    this.#now = now
  }

  /** `hash` null: there is no such account. */
  async check(secret: string, hash: string | null): Promise<CredentialOutcome> {
    const key = createHmac('sha256', this.#key)
      .update(hash ?? 'nobody')
      .update('\0')
      .update(secret)
      .digest('base64')
    const known = this.#outcomes.get(key)
    if (known !== undefined && known.untilMs > this.#now()) return known.good ? 'good' : 'bad'
    const pending = this.#pending.get(key)
    if (pending === undefined && this.#pending.size >= waitingMax) return 'busy'
    return (await (pending ?? this.#verify(key, secret, hash))) ? 'good' : 'bad'
  }

  /** In its turn; who asks for the same pair meanwhile waits for the same outcome. */
  #verify(key: string, secret: string, hash: string | null): Promise<boolean> {
    const verified = this.#turn.then(async () => {
      const matches = await secretMatches(secret, hash ?? (await this.#nobody))
      const good = matches && hash !== null
      if (this.#outcomes.size >= cachedMax) this.#outcomes.delete(this.#outcomes.keys().next().value!)
      this.#outcomes.set(key, { good, untilMs: this.#now() + cacheMs })
      return good
    })
    const done = verified.finally(() => this.#pending.delete(key))
    this.#turn = done.catch(() => undefined)
    this.#pending.set(key, done)
    return done
  }
}
