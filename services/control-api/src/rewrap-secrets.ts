import type { Kek } from '@millrace/secrets/kek.ts'
import { rewrap } from '@millrace/secrets/rewrap.ts'
import { SecretError } from '@millrace/secrets/secret-error.ts'
import { appendAudit } from '@millrace/store/audit/append-audit.ts'
import type { Database } from '@millrace/store/open-store.ts'
import {
  type FieldKey,
  type OwnedField,
  replaceWrapping,
  sealedUnderOthers,
} from '@millrace/store/secrets/rewrap-sealed.ts'

const batchSize = 100

export type Rewrapped = {
  readonly rewrapped: number
  /** Secrets that do not open under any key of the file; they were left as they are. */
  readonly failed: readonly (FieldKey & { readonly code: string; readonly message: string })[]
  /** Secrets that are still wrapped under another key: with 0 the old keys can be taken out of the file. */
  readonly left: number
}

/**
 * Wraps the data key of every stored secret under the current key-encryption key. No secret is opened, and services may
 * use and change them meanwhile. Safe to repeat. Each batch is one transaction with its audit entry.
 */
export async function rewrapSecrets(db: Database, kek: Kek): Promise<Rewrapped> {
  const failed: Rewrapped['failed'][number][] = []
  let rewrapped = 0
  let after: FieldKey | null = null
  for (;;) {
    const batch: OwnedField[] = await sealedUnderOthers(db, { kekId: kek.currentId, after, limit: batchSize })
    if (batch.length === 0) break
    rewrapped += await db.transaction().execute(async (tx) => {
      let done = 0
      for (const each of batch) {
        const sealed = tryRewrap(kek, each, failed)
        if (sealed !== null && (await replaceWrapping(tx, each, { ...each, ...sealed }))) done++
      }
      if (done > 0) {
        const object = `kek:${kek.currentId}`
        await appendAudit(tx, { actor: 'rewrap', action: 'secrets.rewrap', object, after: { secrets: done } })
      }
      return done
    })
    after = batch.at(-1)!
  }
  // Those that failed, and those that a service with the old key file has stored in the meantime.
  let left = 0
  for (let last: FieldKey | null = null; ; ) {
    const batch: OwnedField[] = await sealedUnderOthers(db, { kekId: kek.currentId, after: last, limit: batchSize })
    if (batch.length === 0) return { rewrapped, failed, left }
    left += batch.length
    last = batch.at(-1)!
  }
}

function tryRewrap(kek: Kek, sealed: OwnedField, failed: Rewrapped['failed'][number][]) {
  try {
    return rewrap({ kek, sealed })
  } catch (error) {
    if (!(error instanceof SecretError)) throw error
    const { code, message } = error
    failed.push({ owner: sealed.owner, field: sealed.field, code, message })
    return null
  }
}
