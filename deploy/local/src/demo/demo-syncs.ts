import type { PipelineClient, PipelineProject, SyncAnswer } from '../pipeline-client.ts'

/** What the demo syncs, in the order in which it runs. */
export type DemoSync = {
  readonly title: string
  readonly body: Readonly<Record<string, unknown>>
}

const table = (name: string) => ({ schema: 'public', name })

export const FLIGHTS_SYNC: DemoSync = {
  title: 'flights → events (append)',
  body: {
    name: 'flights',
    table: table('flights'),
    tableType: 'events',
    mode: 'append',
    insertTimeColumn: 'inserted_at',
    // Rows are read again for this long below the newest one that was loaded, for commits that come late. Nobody commits late here.
    overlapMs: 0,
    mapping: {
      tableType: 'events',
      eventName: { value: 'Flight' },
      time: 'date',
      userId: 'origin',
      leaveOut: ['inserted_at'],
    },
  },
}

export const AIRPORT_GROUPS_SYNC: DemoSync = {
  title: 'airports → group profiles (full)',
  body: {
    name: 'airports as groups',
    table: table('airports'),
    tableType: 'group_profiles',
    mode: 'full',
    mapping: { tableType: 'group_profiles', profileKind: 'standard', groupKey: 'airport', groupId: 'iata' },
  },
}

export const AIRPORT_LOOKUP_SYNC: DemoSync = {
  title: 'airports → lookup table (full)',
  body: {
    name: 'airports as lookup table',
    table: table('airports'),
    tableType: 'lookup_table',
    mode: 'full',
    mapping: { tableType: 'lookup_table', lookupTableId: 'airports', id: 'iata' },
  },
}

export const ORIGINS_SYNC: DemoSync = {
  title: 'origins → user profiles (full)',
  body: {
    name: 'origins as users',
    table: table('origins'),
    tableType: 'user_profiles',
    mode: 'full',
    mapping: { tableType: 'user_profiles', profileKind: 'standard', userId: 'origin' },
  },
}

export async function createDemoSync(
  pipeline: PipelineClient,
  project: PipelineProject,
  { sourceId, sync }: { readonly sourceId: string; readonly sync: DemoSync },
): Promise<SyncAnswer> {
  return await pipeline.createSync(project, { ...sync.body, sourceId })
}
