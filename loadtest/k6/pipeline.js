// Creates a source and a sync through the control API, triggers it, waits for its end, and fails unless the counts are exact
// and the rate holds.
import { check, fail, sleep } from 'k6'
import encoding from 'k6/encoding'
import http from 'k6/http'
import { Gauge, Rate } from 'k6/metrics'

const settings = JSON.parse(open(__ENV.SETTINGS))
const { api, username, secret, projectId, source, sync, rows, recordsPerSecondMin, timeoutSeconds } = settings

const recordsPerSecond = new Gauge('records_per_second')
const exactCounts = new Rate('exact_counts')

export const options = {
  scenarios: {
    pipeline: {
      exec: 'runPipeline',
      executor: 'shared-iterations',
      vus: 1,
      iterations: 1,
      maxDuration: `${timeoutSeconds + 30}s`,
    },
  },
  thresholds: {
    http_req_failed: ['rate==0'],
    checks: ['rate==1'],
    exact_counts: ['rate==1'],
    records_per_second: [`value>=${recordsPerSecondMin}`],
  },
}

const Authorization = `Basic ${encoding.b64encode(`${username}:${secret}`)}`

function call(method, path, body, expected) {
  const response = http.request(
    method,
    path.startsWith('http') ? path : `${api}${path}`,
    body && JSON.stringify(body),
    { headers: body ? { Authorization, 'Content-Type': 'application/json' } : { Authorization }, timeout: '60s' },
  )
  const ok = check(response, {
    [`${method} answers ${expected.join(' or ')}`]: ({ status }) => expected.includes(status),
  })
  if (!ok) fail(`${method} ${path}: ${response.status} ${response.body}`)
  return response.body ? response.json() : null
}

export function runPipeline() {
  const project = `/v1/projects/${projectId}`
  const { id: sourceId } = call('POST', `${project}/sources`, source, [201])
  const { id: syncId, triggerUrl } = call('POST', `${project}/syncs`, { ...sync, sourceId }, [201])
  const started = Date.now()
  call('PUT', triggerUrl, null, [200, 201, 202])
  const run = waitForEnd(`${project}/syncs/${syncId}/runs`, `${project}/runs`, started)
  const seconds = (Date.now() - started) / 1000
  const { read, events, rejected, missing } = run.counts
  const exact = run.state === 'succeeded' && read === rows && events === rows && rejected === 0 && missing === 0
  exactCounts.add(exact)
  recordsPerSecond.add(exact ? rows / seconds : 0)
  console.log(`${run.state} after ${seconds.toFixed(1)} s, ${Math.round(rows / seconds)} records/s: ${run.report}`)
}

function waitForEnd(list, runs, started) {
  let runId = null
  for (;;) {
    sleep(0.25)
    if (Date.now() - started > timeoutSeconds * 1000) fail(`the run did not end within ${timeoutSeconds} s`)
    if (runId === null) {
      const [first] = call('GET', list, null, [200]).items
      runId = first ? first.id : null
      continue
    }
    const run = call('GET', `${runs}/${runId}`, null, [200])
    if (['succeeded', 'failed', 'cancelled'].includes(run.state)) return run
  }
}

export function handleSummary(data) {
  return { [__ENV.SUMMARY]: JSON.stringify(data, null, 2) }
}
