import type { Caller } from './test-api.ts'
import { canaries } from './test-api.ts'

export function projectBody(name = 'Flights') {
  return {
    name,
    destination: {
      kind: 'ingestion',
      baseUrl: 'http://127.0.0.1:9',
      destinationProjectId: '7',
      token: canaries.token,
      username: 'millrace',
      secret: canaries.secret,
    },
  }
}

export const sourceOptions = { host: '127.0.0.1', port: 5432, database: 'air', user: 'reader', sslMode: 'verify-full' }

export function sourceBody(name = 'air', password = canaries.password) {
  return { name, warehouse: 'postgres', options: sourceOptions, secrets: { password } }
}

export const eventsMapping = { tableType: 'events', eventName: { value: 'Flight' }, time: 'flew_at', userId: 'tail' }

export function syncBody(sourceId: string, change: Record<string, unknown> = {}) {
  return {
    name: 'flights',
    sourceId,
    table: { schema: 'public', name: 'flights' },
    tableType: 'events',
    mode: 'append',
    insertTimeColumn: 'inserted_at',
    schedule: { kind: 'api' },
    mapping: eventsMapping,
    ...change,
  }
}

/** A project with a source, a sync and a run that nobody works on. */
export async function sampleProject(owner: Caller, name: string) {
  const id = async (url: string, body?: unknown) => {
    const { status, body: answer, text } = await owner<{ id: string }>('POST', url, body)
    if (status !== 201) throw new Error(`${url}: ${status} ${text}`)
    return answer.id
  }
  const projectId = await id('/v1/projects', projectBody(name))
  const base = `/v1/projects/${projectId}`
  const sourceId = await id(`${base}/sources`, sourceBody())
  const syncId = await id(`${base}/syncs`, syncBody(sourceId))
  const runId = await id(`${base}/syncs/${syncId}/runs`)
  return { projectId, sourceId, syncId, runId, base }
}
