import { randomUUID } from 'node:crypto'
import { cleanKeptSets } from '@millrace/store/mirror/clean-kept-sets.ts'
import { hasKeptBlobs } from '@millrace/store/mirror/has-kept-blobs.ts'
import { type Keeping, keepBlobs, keepSet } from '@millrace/store/mirror/keep.ts'
import { keptBlobs } from '@millrace/store/mirror/kept-blobs.ts'
import { keptSet } from '@millrace/store/mirror/kept-set.ts'
import type { Database } from '@millrace/store/open-store.ts'
import type { KeptReader, KeptWriter } from '@millrace/warehouses/mirror/kept.ts'

/** What mirrored syncs keep in the control store, for warehouses at which nothing may be written. */
export function keptReader(db: Database): KeptReader {
  return {
    set: (id) => keptSet(db, id),
    blobs: (ids) => keptBlobs(db, ids),
    hasBlobs: (ids) => hasKeptBlobs(db, ids),
    cleanUp: ({ syncId }) => cleanKeptSets(db, syncId),
  }
}

/** Keeps under the lease of a plan task only. */
export function keptWriter(db: Database, keeping: Keeping): KeptWriter {
  return {
    async putBlobs(contents) {
      const blobs = contents.map((bytes) => ({ id: randomUUID(), bytes }))
      await keepBlobs(db, keeping, blobs)
      return blobs.map(({ id }) => id)
    },
    async putSet(set) {
      const id = randomUUID()
      await keepSet(db, keeping, id, set)
      return id
    },
  }
}
