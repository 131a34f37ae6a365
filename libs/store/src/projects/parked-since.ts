import { type RawBuilder, sql } from 'kysely'

/** For queries of `projects`: since when updates of the project are being parked; null while all of them flow. */
export function parkedSince(): RawBuilder<Date | null> {
  return sql<Date | null>`(
    select min(since) from parkings where parkings.project_id = projects.id and parkings.state = 'parked'
  )`
}
