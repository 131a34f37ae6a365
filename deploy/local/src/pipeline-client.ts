import { randomBytes, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ApiClient, createApiClient } from './api-client.ts'
import { isOpen, type RunAnswer, RunEndedError } from './run-answer.ts'
import type { Stack } from './stack.ts'

/** A project in the control API together with its destination project in services/ingestion. */
export type PipelineProject = {
  readonly id: string
  readonly destinationProjectId: string
  readonly token: string
  /** The destination, as the service account of the project. */
  readonly destination: ApiClient
  readonly account: { readonly username: string; readonly secret: string }
}

export type PostgresSource = {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly password: string
  readonly caCertificate: string
}

export type SyncAnswer = { readonly id: string; readonly importId: string; readonly triggerUrl?: string }

export type PipelineClient = {
  createProject(name: string): Promise<PipelineProject>
  createSource(project: PipelineProject, name: string, source: PostgresSource): Promise<{ readonly id: string }>
  createSync(project: PipelineProject, body: Readonly<Record<string, unknown>>): Promise<SyncAnswer>
  startRun(project: PipelineProject, syncId: string): Promise<RunAnswer>
  run(project: PipelineProject, runId: string): Promise<RunAnswer>
  /** Waits for the end of a run; rejects with `RunEndedError` when it did not succeed. */
  succeeded(project: PipelineProject, runId: string, options?: WaitOptions): Promise<RunAnswer>
}

export type WaitOptions = {
  /** Default 600 000. */
  readonly timeoutMs?: number
  readonly everyMs?: number
  /** Called with each newer state. */
  readonly onLook?: (run: RunAnswer) => void
}

/** What the demo and the process-level tests do through the control API of a stack. Survives a control API that restarts. */
export function createPipelineClient(stack: Stack): PipelineClient {
  const api = createApiClient({ baseUrl: stack.addresses.api, ...stack.bootstrap, retries: 240 })

  const run = (project: PipelineProject, runId: string) =>
    api.get<RunAnswer>(`/v1/projects/${project.id}/runs/${runId}`)

  return {
    async createProject(name) {
      const account = {
        username: `millrace-${randomBytes(4).toString('hex')}`,
        secret: randomBytes(18).toString('base64url'),
      }
      const token = randomBytes(16).toString('hex')
      const destinationProjectId = String(randomBytes(4).readUInt32BE() + 1)
      await registerDestination(stack, destinationProjectId, { token, serviceAccounts: [account] })
      const baseUrl = stack.addresses.ingestion
      const { id } = await api.post<{ id: string }>('/v1/projects', {
        name,
        destination: { kind: 'ingestion', baseUrl, destinationProjectId, token, ...account },
      })
      const destination = createApiClient({ baseUrl, ...account, retries: 240 })
      return { id, destinationProjectId, token, account, destination }
    },
    createSource: (project, name, { password, ...options }) =>
      api.post(`/v1/projects/${project.id}/sources`, {
        name,
        warehouse: 'postgres',
        options: { sslMode: 'verify-full', ...options },
        secrets: { password },
      }),
    createSync: (project, body) => api.post(`/v1/projects/${project.id}/syncs`, { schedule: { kind: 'api' }, ...body }),
    startRun: (project, syncId) =>
      api.post(`/v1/projects/${project.id}/syncs/${syncId}/runs`, undefined, { 'idempotency-key': randomUUID() }),
    run,
    async succeeded(project, runId, { timeoutMs = 600_000, everyMs = 500, onLook } = {}) {
      const deadline = performance.now() + timeoutMs
      for (;;) {
        const state = await run(project, runId)
        onLook?.(state)
        if (state.state === 'succeeded') return state
        if (!isOpen(state)) throw new RunEndedError(state)
        if (performance.now() > deadline) throw new Error(`Run ${runId} is still ${state.state} after ${timeoutMs} ms`)
        await sleep(everyMs)
      }
    },
  }
}

async function registerDestination(stack: Stack, id: string, body: unknown): Promise<void> {
  const response = await fetch(`${stack.addresses.ingestion}/operator/projects/${id}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${stack.operatorToken}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (!response.ok) throw new Error(`The destination refused the project: ${response.status} ${await response.text()}`)
}
