import { hashAccountSecret } from '@millrace/secrets/account-secret.ts'
import { ensureAccount } from '@millrace/store/accounts/create-account.ts'
import { findAccount } from '@millrace/store/accounts/find-account.ts'
import { appendAudit } from '@millrace/store/audit/append-audit.ts'
import type { Database } from '@millrace/store/open-store.ts'

/**
 * Makes the first owner account, when there is none of this name. Afterwards the secret in the environment means
 * nothing: it neither changes the account nor brings a revoked one back.
 */
export async function ensureOwner(
  db: Database,
  owner: { readonly username: string; readonly secret: string; readonly id: string },
): Promise<boolean> {
  const { username, secret, id } = owner
  if (await findAccount(db, username)) return false
  const secretHash = await hashAccountSecret(secret)
  return db.transaction().execute(async (tx) => {
    const made = await ensureAccount(tx, { id, username, secretHash, projectId: null, role: 'owner' })
    if (made)
      await appendAudit(tx, {
        actor: 'bootstrap',
        action: 'account.create',
        object: `account:${id}`,
        after: { username, role: 'owner' },
      })
    return made
  })
}
