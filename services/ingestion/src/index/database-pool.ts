import { type Database, type DatabaseOptions, openDatabase } from './database.ts'

type Slot = { readonly database: Promise<Database>; users: number; usedAt: number }

/** Databases open at a time: each may use its share of the memory. Projects wait for a free place in turn. */
export class DatabasePool {
  readonly #openMax: number
  readonly #memoryMb: number
  readonly #slots = new Map<string, Slot>()
  #waiting: (() => void)[] = []
  #uses = 0

  constructor(options: { readonly openMax: number; readonly memoryMb: number }) {
    this.#openMax = options.openMax
    this.#memoryMb = options.memoryMb
  }

  /** Runs `work` with the database of a file; it stays open for the next. */
  async use<T>(options: Omit<DatabaseOptions, 'memoryMb'>, work: (database: Database) => Promise<T>): Promise<T> {
    const slot = await this.#take(options)
    try {
      return await work(await slot.database)
    } finally {
      slot.users--
      slot.usedAt = ++this.#uses
      this.#waiting.shift()?.()
    }
  }

  /** Closes those not in use. Call it when nothing is. */
  async close(): Promise<void> {
    for (const [file, slot] of this.#slots) {
      this.#slots.delete(file)
      await slot.database.then(
        (database) => database.close(),
        () => undefined,
      )
    }
  }

  async #take(options: Omit<DatabaseOptions, 'memoryMb'>): Promise<Slot> {
    for (;;) {
      const open = this.#slots.get(options.file)
      if (open !== undefined) {
        open.users++
        return open
      }
      if (this.#slots.size < this.#openMax || (await this.#evict())) {
        if (this.#slots.has(options.file)) continue
        const database = openDatabase({ ...options, memoryMb: this.#memoryMb })
        const slot = { database, users: 1, usedAt: ++this.#uses }
        this.#slots.set(options.file, slot)
        database.catch(() => this.#slots.delete(options.file))
        return slot
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  /** Closes the one that has been idle longest; false when none is idle. */
  async #evict(): Promise<boolean> {
    const idle = [...this.#slots].filter(([, slot]) => slot.users === 0).sort(([, a], [, b]) => a.usedAt - b.usedAt)[0]
    if (idle === undefined) return false
    const [file, slot] = idle
    this.#slots.delete(file)
    ;(await slot.database).close()
    return true
  }
}
