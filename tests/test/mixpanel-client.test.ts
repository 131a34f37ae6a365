import assert from 'node:assert/strict'
import { test } from 'node:test'
import { promisify } from 'node:util'
import Mixpanel from 'mixpanel'
import { withStack } from '../src/with-stack.ts'

const world = withStack()

test('a public Mixpanel client library imports a batch, and the destination holds it once', async () => {
  const { pipeline } = world
  const project = await pipeline.createProject('mixpanel client')
  const { username, secret } = project.account
  const client = Mixpanel.init(project.token, {
    credentials: new Mixpanel.ServiceAccountCredentials(username, secret, project.destinationProjectId),
    host: new URL(project.destination.baseUrl).host,
    protocol: 'http',
  })
  const events = Array.from({ length: 120 }, (_, n) => ({
    event: 'Clicked',
    properties: {
      time: new Date(Date.UTC(2024, 0, 1, 0, n)),
      distinct_id: `user-${n % 7}`,
      $insert_id: `click-${n}`,
      n,
    },
  }))
  const importBatch = promisify(client.import_batch.bind(client)) as (
    list: typeof events,
    options: object,
  ) => Promise<unknown>
  await importBatch(events, { max_batch_size: 50 })
  // The library may send a batch again after a lost answer: it must not count twice.
  await importBatch(events, { max_batch_size: 50 })

  const response = await fetch(
    `${project.destination.baseUrl}/api/2.0/export?project_id=${project.destinationProjectId}&from_date=2024-01-01&to_date=2024-01-02`,
    { headers: { authorization: `Basic ${Buffer.from(`${username}:${secret}`).toString('base64')}` } },
  )
  assert.equal(response.status, 200)
  const lines = (await response.text()).trim().split('\n')
  const seen = lines.map((line) => JSON.parse(line).properties.n as number).sort((a, b) => a - b)
  assert.deepEqual(
    seen,
    events.map((_, n) => n),
  )
})
