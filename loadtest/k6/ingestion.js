// Sends events to services/ingestion at a constant rate: gzip batches of the import API, made before the test begins
// (loadtest/src/k6/make-pool.ts), since k6 shares the machine with what it loads. Every batch of the pool is distinct; once
// all were sent they are sent again, with the same insert ids, which the report says.
import { check } from 'k6'
import encoding from 'k6/encoding'
import exec from 'k6/execution'
import http from 'k6/http'
import { Counter, Trend } from 'k6/metrics'

const settings = JSON.parse(open(__ENV.SETTINGS))
const { eventsPerSecond, seconds, batchEvents, url, username, secret, files } = settings
// Each virtual user has a copy of the pool, so there are few of them.
const bodies = files.map((file) => open(file, 'b'))

const eventsAccepted = new Counter('events_accepted')
const batchSeconds = new Trend('batch_seconds')

export const options = {
  discardResponseBodies: false,
  summaryTrendStats: ['avg', 'med', 'p(95)', 'p(99)', 'max'],
  scenarios: {
    ingestion: {
      exec: 'sendBatch',
      executor: 'constant-arrival-rate',
      rate: Math.round(eventsPerSecond / batchEvents),
      timeUnit: '1s',
      duration: `${seconds}s`,
      preAllocatedVUs: settings.virtualUsers,
      maxVUs: settings.virtualUsers,
    },
  },
  thresholds: {
    http_req_failed: ['rate==0'],
    checks: ['rate==1'],
    dropped_iterations: ['count==0'],
    events_accepted: [`count>=${Math.floor(Math.round(eventsPerSecond / batchEvents) * batchEvents * seconds * 0.98)}`],
    batch_seconds: ['p(95)<1', 'p(99)<2'],
  },
}

const params = {
  headers: {
    Authorization: `Basic ${encoding.b64encode(`${username}:${secret}`)}`,
    'Content-Type': 'application/json',
    'Content-Encoding': 'gzip',
  },
  timeout: '30s',
}

export function sendBatch() {
  const body = bodies[exec.scenario.iterationInTest % bodies.length]
  const response = http.post(url, body, params)
  batchSeconds.add(response.timings.duration / 1000)
  const accepted = response.status === 200 ? response.json('num_records_imported') : 0
  eventsAccepted.add(accepted)
  check(response, { 'every event of the batch was accepted': () => accepted === batchEvents })
}

export function handleSummary(data) {
  return { [__ENV.SUMMARY]: JSON.stringify(data, null, 2) }
}
