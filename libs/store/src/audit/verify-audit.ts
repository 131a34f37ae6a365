import { sql } from 'kysely'
import type { Queries } from '../open-store.ts'
import { auditHash } from './append-audit.ts'

/**
 * The id of the first entry that does not follow from the one before it: changed, or one before it was removed. null
 * when the chain is whole. Entries cut off at the end leave a shorter whole chain: keep the last hash elsewhere too.
 */
export async function verifyAudit(db: Queries): Promise<number | null> {
  const { rows } = await sql<{ id: number }>`
    with chain as (
      select *, ${auditHash} as expected_hash, lag(hash) over (order by id) as expected_previous from audit
    )
    select id from chain
    where hash is distinct from expected_hash or previous_hash is distinct from expected_previous
    order by id limit 1
  `.execute(db)
  return rows[0]?.id ?? null
}
