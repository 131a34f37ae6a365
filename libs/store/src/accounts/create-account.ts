import type { Queries } from '../open-store.ts'
import type { Account } from './find-account.ts'

/** Adds a service account. Throws StoreError `conflict` when the user name is taken, `in_use` when there is no such project. */
export async function createAccount(db: Queries, account: Account): Promise<void> {
  await db.insertInto('service_accounts').values(accountRow(account)).execute()
}

/** Adds the account unless its user name exists already, revoked or not; says whether it did. Safe to repeat. */
export async function ensureAccount(db: Queries, account: Account): Promise<boolean> {
  const added = await db
    .insertInto('service_accounts')
    .values(accountRow(account))
    .onConflict((conflict) => conflict.column('username').doNothing())
    .returning('id')
    .executeTakeFirst()
  return added !== undefined
}

function accountRow({ id, username, secretHash, projectId, role }: Account) {
  return { id, username, secret_hash: secretHash, project_id: projectId, role }
}
