import { sql } from 'kysely'
import { inTransaction } from '../in-transaction.ts'
import { jsonText } from '../json-text.ts'
import type { Queries } from '../open-store.ts'

export type AuditEntry = {
  /** User name of the service account. */
  readonly actor: string
  /** `source.update`, `run.start` … */
  readonly action: string
  /** `source:<id>`, `sync:<id>` … */
  readonly object: string
  /** What the object was and became, without secrets. */
  readonly before?: unknown
  readonly after?: unknown
  readonly requestId?: string
}

/** One chain for the whole store: who appends waits for who appended before. */
const chainLock = 0x6d_69_6c_6c

/**
 * Appends to the audit log; call it last in the transaction of the change, which it makes one with the entry.
 *
 *     hash = SHA-256(previous hash or nothing || canonical text of id, at, actor, action, object, before, after, request)
 *
 * where the text is Postgres' own of the jsonb array of these, so that `verifyAudit` can work it out again from the row.
 */
export async function appendAudit(db: Queries, entry: AuditEntry): Promise<void> {
  await inTransaction(db, async (tx) => {
    await sql`select pg_advisory_xact_lock(${chainLock})`.execute(tx)
    await sql`
      with entry as (
        select
          nextval(pg_get_serial_sequence('audit', 'id')) as id,
          clock_timestamp() as at,
          ${entry.actor}::text as actor,
          ${entry.action}::text as action,
          ${entry.object}::text as object,
          ${asJson(entry.before)}::jsonb as before,
          ${asJson(entry.after)}::jsonb as after,
          ${entry.requestId ?? null}::text as request_id,
          (select hash from audit order by id desc limit 1) as previous_hash
      )
      insert into audit (id, at, actor, action, object, before, after, request_id, previous_hash, hash)
      overriding system value
      select
        id, at, actor, action, object, before, after, request_id, previous_hash, ${auditHash}
      from entry
    `.execute(tx)
  })
}

/** The hash of a row of `audit`, or of what will be one. */
export const auditHash = sql<Buffer>`sha256(
  coalesce(previous_hash, '') || convert_to(
    jsonb_build_array(id, extract(epoch from at), actor, action, object, before, after, request_id)::text, 'UTF8'
  )
)`

function asJson(value: unknown): string | null {
  return value === undefined || value === null ? null : jsonText(value)
}
