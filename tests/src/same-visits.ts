import assert from 'node:assert/strict'
import type { PipelineProject } from '@millrace/local-stack/pipeline-client.ts'
import { exportedEvents } from './exported-events.ts'
import type { SourceDatabase } from './source-database.ts'

type Visit = {
  readonly n: number
  readonly time: number | null
  readonly visitor: string
  readonly page: string
  readonly amount: number | null
  readonly plan: number
  readonly tags: string
}

/**
 * The oracle: asserts that the destination holds every row of a visits table that satisfies `where`, each once and with its values, and nothing
 * else. Knows nothing of the code under test but the table and the export.
 */
export async function assertSameVisits(
  {
    source,
    project,
    table,
    importId,
  }: { source: SourceDatabase; project: PipelineProject; table: string; importId: string },
  where = 'true',
): Promise<number> {
  const expected = await expectedVisits(source, table, where)
  const seen = new Set<number>()
  const wrong: string[] = []
  for (const { event, properties } of await exportedEvents(project, importId)) {
    const visit = toVisit(properties)
    const row = expected.get(visit.n)
    if (event !== 'Visit' || row === undefined) wrong.push(`not in the source: ${event} ${visit.n}`)
    else if (seen.has(visit.n)) wrong.push(`more than once: ${visit.n}`)
    else if (JSON.stringify(row) !== JSON.stringify(visit)) {
      wrong.push(`changed: ${JSON.stringify(visit)} was ${JSON.stringify(row)}`)
    }
    seen.add(visit.n)
  }
  for (const n of expected.keys()) if (!seen.has(n)) wrong.push(`missing: ${n}`)
  assert.deepEqual(wrong.slice(0, 10), [], `${wrong.length} differences between source and destination`)
  return expected.size
}

async function expectedVisits(source: SourceDatabase, table: string, where: string): Promise<Map<number, Visit>> {
  const rows = await source.query(`
    SELECT n, floor(extract(epoch FROM time) * 1000)::float8 AS time, visitor, page, amount::float8 AS amount,
      (details->>'plan')::int AS plan, (details->'tags')::text AS tags
    FROM (SELECT DISTINCT * FROM ${table} WHERE ${where}) AS distinct_rows`)
  return new Map(
    rows.map(({ n, time, visitor, page, amount, plan, tags }) => [
      n as number,
      { n, time, visitor, page, amount, plan, tags: JSON.stringify(JSON.parse(tags as string)) } as Visit,
    ]),
  )
}

function toVisit(properties: Readonly<Record<string, unknown>>): Visit {
  const { n, time, distinct_id, page, amount, plan, tags } = properties
  return {
    n: Number(n),
    time: time as number,
    visitor: String(distinct_id),
    page: String(page),
    amount: (amount as number | undefined) ?? null,
    plan: Number(plan),
    tags: JSON.stringify(tags),
  }
}
