import { randomUUID } from 'node:crypto'
import type { KeptReader, KeptSet, KeptWriter } from '@millrace/warehouses/mirror/kept.ts'

/** What the extractor keeps in the control store, for one sync, in memory. */
export class KeptInMemory {
  readonly sets = new Map<string, KeptSet>()
  readonly stored = new Map<string, Buffer>()
  /** Called before each write; it may throw, as when the lease is lost. */
  beforeWrite: () => void = () => undefined

  readonly reader: KeptReader = {
    set: async (id) => this.sets.get(id) ?? null,
    blobs: async (ids) => new Map(ids.flatMap((id) => (this.stored.has(id) ? [[id, this.stored.get(id)!]] : []))),
    hasBlobs: async (ids) => ids.every((id) => this.stored.has(id)),
    cleanUp: async ({ plan, isNeeded }) => {
      const needed = isNeeded ? String(plan?.nextCursor?.pin.snapshot) : null
      for (const id of this.sets.keys()) if (id !== needed) this.sets.delete(id)
      const used = new Set(needed === null ? [] : this.sets.get(needed)?.blobs)
      for (const id of this.stored.keys()) if (!used.has(id)) this.stored.delete(id)
    },
  }

  readonly writer: KeptWriter = {
    putBlobs: async (contents) => {
      this.beforeWrite()
      return contents.map((bytes) => {
        const id = randomUUID()
        this.stored.set(id, Buffer.from(bytes))
        return id
      })
    },
    putSet: async (set) => {
      this.beforeWrite()
      const id = randomUUID()
      this.sets.set(id, set)
      return id
    },
  }
}
