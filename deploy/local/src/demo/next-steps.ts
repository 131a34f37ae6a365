import { writeFileSync } from 'node:fs'
import path from 'node:path'
import type { PipelineProject, SyncAnswer } from '../pipeline-client.ts'
import type { Stack } from '../stack.ts'

/** Addresses and commands for somebody who wants to look around. Credentials go into files that curl reads, not onto the screen. */
export function nextSteps(stack: Stack, project: PipelineProject, flights: SyncAnswer): string {
  const { api, docs, ingestion } = stack.addresses
  const owner = writeCurlFile(stack.dir, 'control-api', stack.bootstrap)
  const account = writeCurlFile(stack.dir, 'destination', project.account)
  const reads = `${ingestion}/api/read/projects/${project.destinationProjectId}`
  const exported = new URLSearchParams({
    project_id: project.destinationProjectId,
    from_date: '2001-01-01',
    to_date: '2001-01-01',
    limit: '3',
  })
  const sql = `SELECT properties->>'$.destination' AS destination, count(*) AS flights FROM events WHERE distinct_id = 'SFO' GROUP BY 1 ORDER BY 2 DESC LIMIT 5`
  return `
Look around (API docs in a browser: ${docs}, those of the destination's read API: ${ingestion}/docs)

  # the syncs of the project, and the runs of the flights
  curl -K ${owner} ${api}/v1/projects/${project.id}/syncs
  curl -K ${owner} ${api}/v1/projects/${project.id}/syncs/${flights.id}/runs

  # run the flights again: nothing is new, so nothing is loaded
  curl -K ${owner} -X POST ${api}/v1/projects/${project.id}/syncs/${flights.id}/runs

  # what the destination holds
  curl -K ${account} ${reads}/counts/events
  curl -K ${account} ${reads}/groups/airport/SFO
  curl -K ${account} ${reads}/lookup-tables/airports/rows/SFO
  curl -K ${account} '${ingestion}/api/2.0/export?${exported}'
  curl -K ${account} -H 'content-type: application/json' ${reads}/query \\
    -d '${JSON.stringify({ sql }).replaceAll("'", String.raw`'\''`)}'

  # the parts of the stack, and the log of one
  MILLRACE_STACK_DIR=${stack.dir} npm run stack -- status
  MILLRACE_STACK_DIR=${stack.dir} npm run stack -- logs loader
`
}

/** A file for `curl -K` with an account's name and secret, for its owner only. Gives its path. */
function writeCurlFile(dir: string, name: string, account: { username: string; secret: string }): string {
  const file = path.join(dir, 'secrets', `${name}.curl`)
  writeFileSync(file, `silent\nshow-error\nuser = "${account.username}:${account.secret}"\n`, { mode: 0o600 })
  return file
}
