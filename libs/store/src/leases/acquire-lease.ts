import { sql } from 'kysely'
import type { Queries } from '../open-store.ts'

/**
 * Takes or keeps a named lease for `leaseMs` from now. Gives its epoch, which grows with each change of owner, or null
 * while another owner holds it.
 */
export async function acquireLease(
  db: Queries,
  { name, owner, leaseMs }: { readonly name: string; readonly owner: string; readonly leaseMs: number },
): Promise<number | null> {
  const { rows } = await sql<{ epoch: number }>`
    insert into leases as held (name, owner, epoch, until)
    values (${name}, ${owner}, 1, now() + ${leaseMs}::float8 * interval '1 ms')
    on conflict (name) do update
    set owner = excluded.owner, until = excluded.until,
      epoch = held.epoch + case when held.owner = excluded.owner then 0 else 1 end
    where held.owner = excluded.owner or held.until < now()
    returning epoch`.execute(db)
  return rows[0]?.epoch ?? null
}
