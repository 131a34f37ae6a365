export type ClusterState = 'RUNNING' | 'PENDING' | 'TERMINATED'

/**
 * An all-purpose cluster that stops by itself when it is idle. A query to a stopped one starts it, if the caller may restart it,
 * and is answered 503 until it runs.
 */
export class DatabricksCluster {
  /** How long a start takes. */
  startMs = 0
  /** Whether the caller has CAN RESTART. */
  mayRestart = true
  #state: 'RUNNING' | 'TERMINATED' = 'RUNNING'
  #startedAt: number | null = null
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  get state(): ClusterState {
    if (this.#startedAt !== null && this.#now() >= this.#startedAt + this.startMs) {
      this.#state = 'RUNNING'
      this.#startedAt = null
    }
    return this.#startedAt === null ? this.#state : 'PENDING'
  }

  suspend(): void {
    this.#state = 'TERMINATED'
    this.#startedAt = null
  }

  /** null = the query may go on. */
  admit(): { readonly status: number; readonly code: string; readonly message: string } | null {
    if (this.state === 'RUNNING') return null
    if (this.state === 'TERMINATED') {
      if (!this.mayRestart)
        return {
          status: 403,
          code: 'PERMISSION_DENIED',
          message: 'You do not have permission to autostart this cluster.',
        }
      this.#startedAt = this.#now()
    }
    return { status: 503, code: 'TEMPORARILY_UNAVAILABLE', message: `Cluster is in state ${this.state}` }
  }
}
