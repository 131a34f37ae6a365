import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { readEnv } from '@millrace/telemetry/config.ts'
import pg from 'pg'
import { Pool } from 'undici'

/**
 * What a person writes in an afternoon: a cursor, a map, gzip, POST. No resume, no rejects, no progress that outlives it,
 * no validation, and an answer other than 200 ends it. It is the measure for what Millrace costs on top.
 */
const config = readEnv((read) => ({
  sourceUrl: read.secret('NAIVE_SOURCE_URL'),
  ca: read.text('NAIVE_CA'),
  table: read.text('NAIVE_TABLE'),
  target: read.url('NAIVE_TARGET'),
  login: read.secret('NAIVE_LOGIN'),
  projectId: read.text('NAIVE_PROJECT'),
}))
const fetchRows = 10_000
const batchRows = 2000
const requestsMax = 4

type Row = Readonly<Record<string, unknown>> & { readonly event_name: string; readonly event_time: Date }

const compress = promisify(gzip)
const client = new pg.Client({ connectionString: config.sourceUrl, ssl: { ca: config.ca } })
const pool = new Pool(config.target, { connections: requestsMax })
const authorization = `Basic ${Buffer.from(config.login).toString('base64')}`
const inFlight = new Set<Promise<void>>()
let sent = 0

function toEvent({ event_name, event_time, user_id, device_id, properties, ...columns }: Row) {
  const insertId = createHash('sha256').update(`${columns.event_id}`).digest('hex').slice(0, 36)
  const ids = { distinct_id: user_id, $user_id: user_id, $device_id: device_id, $insert_id: insertId }
  const time = event_time.getTime()
  return { event: event_name, properties: { time, ...ids, ...columns, ...(properties as object) } }
}

async function post(rows: readonly Row[]): Promise<void> {
  const body = await compress(JSON.stringify(rows.map(toEvent)))
  const { statusCode, body: answer } = await pool.request({
    method: 'POST',
    path: `/import?strict=1&project_id=${config.projectId}`,
    headers: { authorization, 'content-type': 'application/json', 'content-encoding': 'gzip' },
    body,
  })
  const text = await answer.text()
  if (statusCode !== 200) throw new Error(`${statusCode} ${text.slice(0, 300)}`)
  sent += rows.length
}

await client.connect()
await client.query('BEGIN READ ONLY')
await client.query(`DECLARE rows NO SCROLL CURSOR FOR SELECT * FROM ${config.table}`)
for (;;) {
  const { rows } = await client.query<Row>(`FETCH ${fetchRows} FROM rows`)
  if (rows.length === 0) break
  for (let at = 0; at < rows.length; at += batchRows) {
    while (inFlight.size >= requestsMax) await Promise.race(inFlight)
    const request = post(rows.slice(at, at + batchRows))
    inFlight.add(request)
    request.then(() => inFlight.delete(request))
  }
}
await Promise.all(inFlight)
await client.end()
await pool.close()
const { user, system } = process.cpuUsage()
const peakBytes = process.resourceUsage().maxRSS * 1024
process.stdout.write(JSON.stringify({ sent, cpuSeconds: (user + system) / 1e6, peakBytes }))
