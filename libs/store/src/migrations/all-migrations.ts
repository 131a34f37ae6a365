import type { Migration } from 'kysely/migration'
import * as controlStore from './0001-control-store.ts'

/** In order; a migration that was released is never changed. */
export const allMigrations: Readonly<Record<string, Migration>> = {
  '0001-control-store': controlStore,
}
