import { createHmac, randomBytes } from 'node:crypto'
import { MillraceError } from '@millrace/domain/errors.ts'
import { defaultCost, type HashCost, verifyAccountSecret } from './account-secret.ts'

/** Hashes at work at a time: each takes 128 MB and a core. */
const atWorkMax = 2
const waitingMax = 64
const remembered = 1000
/** How long a verified secret is not hashed again, ms. */
const rememberMs = 60_000

/** More sign-ins wait than can be worked off in time. */
export class VerifierBusyError extends MillraceError {
  constructor() {
    super('sign_in_busy', 'Too many sign-ins are being checked.', 'Try again in a few seconds.')
  }
}

/**
 * Verifies secrets of service accounts against their hashes, and remembers for a minute which ones were right, by an
 * HMAC under a key of this process: the hash is slow on purpose, and an account may send many requests a second. The
 * caller looks the hash up each time, so a revoked or changed account is noticed at once.
 */
export class AccountVerifier {
  readonly #now: () => number
  readonly #cost: HashCost
  readonly #key = randomBytes(32)
  readonly #right = new Map<string, number>()
  readonly #underWay = new Map<string, Promise<boolean>>()
  readonly #waiting: (() => void)[] = []
  #atWork = 0

  /** `now` in ms. */
  constructor(options: { readonly now: () => number; readonly cost?: HashCost }) {
    this.#now = options.now
    this.#cost = options.cost ?? defaultCost
  }

  /** `hash` is null for an unknown user name: that takes as long. Throws VerifierBusyError. */
  async verify(username: string, secret: string, hash: string | null): Promise<boolean> {
    const id = createHmac('sha256', this.#key)
      .update(JSON.stringify([username, secret, hash]))
      .digest('base64')
    const until = this.#right.get(id)
    if (until !== undefined && this.#now() < until) return true
    const known = this.#underWay.get(id)
    if (known) return known
    const checked = this.#check(secret, hash).finally(() => this.#underWay.delete(id))
    this.#underWay.set(id, checked)
    const right = await checked
    if (right) this.#remember(id)
    return right
  }

  async #check(secret: string, hash: string | null): Promise<boolean> {
    if (this.#atWork >= atWorkMax) {
      if (this.#waiting.length >= waitingMax) throw new VerifierBusyError()
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
    this.#atWork++
    try {
      return await verifyAccountSecret(secret, hash, this.#cost)
    } finally {
      this.#atWork--
      this.#waiting.shift()?.()
    }
  }

  #remember(id: string): void {
    this.#right.delete(id)
    this.#right.set(id, this.#now() + rememberMs)
    if (this.#right.size > remembered) this.#right.delete(this.#right.keys().next().value!)
  }
}
