import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { migrateStore } from '@millrace/store/migrate-store.ts'
import { allMigrations } from '@millrace/store/migrations/all-migrations.ts'
import { openStore } from '@millrace/store/open-store.ts'
import { schemaReady } from '@millrace/store/schema-ready.ts'
import { withStore } from '@millrace/testkit/with-store.ts'
import { sql } from 'kysely'

describe('migrating the control store', () => {
  it('is done once when several processes start at the same time, and known to all afterwards', () =>
    withStore(async ({ server }) => {
      const db = openStore(server.url, { max: 1 })
      try {
        assert.equal(await schemaReady(db), false)
        const ran = await Promise.all([1, 2, 3, 4].map(() => migrateStore(server.url)))
        assert.deepEqual(ran.flat(), Object.keys(allMigrations))
        assert.equal(await schemaReady(db), true)
      } finally {
        await db.close()
      }
    }))

  it('leaves a store alone that a newer version has migrated', () =>
    withStore(async ({ url, db }) => {
      await sql`insert into kysely_migration (name, timestamp) values ('0099-of-the-future', now()::text)`.execute(db)
      assert.deepEqual(await migrateStore(url), [])
      assert.equal(await schemaReady(db), true)
    }))
})

describe('a store that is away', () => {
  it('is an error that passes, and the same connections work again when it is back', () =>
    withStore(async ({ server, db }) => {
      await server.kill()
      await assert.rejects(sql`select 1`.execute(db), { code: 'unavailable' })
      await server.start()
      const { rows } = await sql<{ one: number }>`select 1 as one`.execute(db)
      assert.equal(rows[0]?.one, 1)
    }))
})
