import { type Database, type DatabaseOptions, openDatabase } from './database.ts'

type Slot = { readonly database: Promise<Database>; users: number; usedAt: number }

/** Databases open at a time: each may use its share of the memory. Projects wait for a free place in turn. */
export class DatabasePool {
  readonly #openMax: number
  readonly #memoryMb: number
  readonly #now: () => number
  readonly #slots = new Map<string, Slot>()
  #waiting: (() => void)[] = []

  constructor(options: { readonly openMax: number; readonly memoryMb: number; now(): number }) {
    this.#openMax = options.openMax
    this.#memoryMb = options.memoryMb
    this.#now = options.now
  }

  /** Runs `work` with the database of a file; it stays open for the next. */
  async use<T>(options: Omit<DatabaseOptions, 'memoryMb'>, work: (database: Database) => Promise<T>): Promise<T> {
    const slot = await this.#take(options)
    try {
      return await work(await slot.database)
    } finally {
      slot.users--
      slot.usedAt = this.#now()
      this.#waiting.shift()?.()
    }
  }

  /** Gives back the memory of those that nobody has used for so long. */
  async closeIdle(idleMs: number): Promise<void> {
    const before = this.#now() - idleMs
    for (const [file, slot] of this.#slots) {
      if (slot.users > 0 || slot.usedAt > before) continue
      const database = await slot.database
      // On a thread of its own; closing would do it on this one.
      await database.writer.run('CHECKPOINT')
      // Used meanwhile, or closed by somebody else? Nothing comes in between from here on.
      if (slot.users > 0 || slot.usedAt > before || this.#slots.get(file) !== slot) continue
      this.#slots.delete(file)
      database.close()
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
        const slot = { database, users: 1, usedAt: this.#now() }
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
