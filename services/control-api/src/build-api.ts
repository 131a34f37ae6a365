import type { ApiContext } from './api-context.ts'
import { takeJsonBodies } from './http/json-body.ts'
import { handleProblems } from './http/problem-handler.ts'
import { sendSecurityHeaders } from './http/security-headers.ts'
import { type Api, createServer } from './http/server.ts'
import { guardRoutes } from './http/sign-in.ts'
import { addAccounts } from './routes/accounts.ts'
import { addCatalogue } from './routes/catalogue.ts'
import { collectDocs, serveDocs } from './routes/docs.ts'
import { addEstimate } from './routes/estimate.ts'
import { addPreview } from './routes/preview.ts'
import { addProjects } from './routes/projects.ts'
import { addRunEvents } from './routes/run-events.ts'
import { addRuns } from './routes/runs.ts'
import { addSetUp } from './routes/set-up.ts'
import { addSourceKeys } from './routes/source-keys.ts'
import { addSources } from './routes/sources.ts'
import { addSyncDecisions } from './routes/sync-decisions.ts'
import { addSyncs } from './routes/syncs.ts'
import { addTrigger } from './routes/trigger.ts'
import { addUsage } from './routes/usage.ts'

/** The control API with all its routes, not listening yet. */
export async function buildApi(context: ApiContext): Promise<Api> {
  const api = createServer(context.newId)
  takeJsonBodies(api)
  sendSecurityHeaders(api)
  handleProblems(api, context.log)
  guardRoutes(api, context)
  await collectDocs(api)
  await serveDocs(api)
  for (const add of [
    addAccounts,
    addProjects,
    addSetUp,
    addSources,
    addSourceKeys,
    addCatalogue,
    addPreview,
    addSyncs,
    addSyncDecisions,
    addEstimate,
    addRuns,
    addRunEvents,
    addTrigger,
    addUsage,
  ])
    add(api, context)
  await api.ready()
  return api
}
