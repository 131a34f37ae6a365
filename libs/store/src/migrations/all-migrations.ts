import type { Migration } from 'kysely/migration'
import * as controlStore from './0001-control-store.ts'
import * as groupDeletes from './0002-group-deletes.ts'
import * as syncDecisions from './0003-sync-decisions.ts'
import * as usage from './0004-usage.ts'
import * as projectExternalId from './0005-project-external-id.ts'
import * as mirrorBuckets from './0006-mirror-buckets.ts'
import * as unfinishedRuns from './0007-unfinished-runs.ts'

/** In order; a migration that was released is never changed. */
export const allMigrations: Readonly<Record<string, Migration>> = {
  '0001-control-store': controlStore,
  '0002-group-deletes': groupDeletes,
  '0003-sync-decisions': syncDecisions,
  '0004-usage': usage,
  '0005-project-external-id': projectExternalId,
  '0006-mirror-buckets': mirrorBuckets,
  '0007-unfinished-runs': unfinishedRuns,
}
