import type { PipelineProject } from '@millrace/local-stack/pipeline-client.ts'
import type { Shape } from './expected-cells.ts'

/** Where each shape is at the destination. */
const queries: Readonly<Record<Shape, (table: string) => string>> = {
  events: (table) =>
    `SELECT distinct_id, properties->>'$.name' FROM events WHERE starts_with(distinct_id, '${table}-')`,
  'user_profiles/standard': (table) =>
    `SELECT distinct_id, properties->>'$.name' FROM user_profiles WHERE starts_with(distinct_id, '${table}-')`,
  'group_profiles/standard': (table) =>
    `SELECT group_id, properties->>'$.name' FROM group_profiles WHERE group_key = '${table}'`,
  'user_profiles/history': (table) =>
    `SELECT id, properties->>'$.name' FROM profile_history WHERE group_key = '' AND starts_with(id, '${table}-')`,
  'group_profiles/history': (table) =>
    `SELECT id, properties->>'$.name' FROM profile_history WHERE group_key = '${table}'`,
  lookup_table: (table) => `SELECT id, properties->>'$.name' FROM lookup_rows WHERE table_id = '${table}'`,
}

/** The name of each person that the destination holds of one sync. Rejects when it holds one twice. */
export async function heldPeople(
  { destination, destinationProjectId }: PipelineProject,
  shape: Shape,
  table: string,
): Promise<Record<string, string>> {
  const path = `/api/read/projects/${destinationProjectId}/query`
  const { rows } = await destination.post<{ rows: string[][] }>(path, { sql: queries[shape](table), rowsMax: 1000 })
  const held = Object.fromEntries(rows)
  if (Object.keys(held).length !== rows.length)
    throw new Error(`${rows.length} records of ${Object.keys(held).length} people`)
  return held
}
