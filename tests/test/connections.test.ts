import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PipelineProject } from '@millrace/local-stack/pipeline-client.ts'
import { filesHolding } from '../src/files-holding.ts'
import { createVisitsSync } from '../src/runs-of-visits.ts'
import { otherCa, startPlainDatabase } from '../src/source-database.ts'
import { withStack } from '../src/with-stack.ts'

type TestAnswer = {
  readonly ok: boolean
  readonly checks: readonly {
    readonly step: string
    readonly ok: boolean
    readonly code?: string
    readonly message?: string
    readonly hint?: string
  }[]
}

const world = withStack()

test('what can be wrong with a connection is told apart, each with a message and what to do next', async () => {
  const { pipeline, source } = world
  const project = await pipeline.createProject('connections')
  const plain = await startPlainDatabase(`${world.stack.dir}/plain`)
  try {
    const good = source.connection
    const wrong = {
      'wrong password': { ...good, password: 'not-the-password' },
      'unknown host': { ...good, host: 'no-such-host.invalid' },
      'unknown database': { ...good, database: 'no_such_database' },
      'wrong CA': { ...good, caCertificate: await otherCa() },
      'plain-text server': { ...good, port: plain.port },
    }
    const codes = new Map<string, string>()
    for (const [what, connection] of Object.entries(wrong)) codes.set(what, await failureOf(project, what, connection))
    assert.equal(new Set(codes.values()).size, codes.size, `told apart: ${JSON.stringify([...codes])}`)
    const { ok } = await testConnection(project, good)
    assert.ok(ok)
  } finally {
    await plain.stop()
  }
})

test('a missing table and a table that may not be read are told apart', async () => {
  const { pipeline, source, stack } = world
  const project = await pipeline.createProject('tables')
  const { id } = await pipeline.createSource(project, 'tables', source.connection)
  await source.query('CREATE TABLE forbidden (n integer)')
  const preview = async (name: string): Promise<string> => {
    const failure = await stack.api
      .post(`/v1/projects/${project.id}/sources/${id}/preview`, { table: { schema: 'public', name } })
      .then(() => assert.fail('the preview should have failed'))
      .catch((error) => error)
    assert.ok(failure.code && failure.hint && failure.message.includes(name), String(failure))
    return failure.code
  }
  assert.notEqual(await preview('no_such_table'), await preview('forbidden'))
})

test('no secret is in any log, topic or unsealed in the control store after runs and refused connections', async () => {
  const { pipeline, source, stack } = world
  const sync = await createVisitsSync(world, 'canary', { rows: 2_000 })
  const { id: runId } = await pipeline.startRun(sync.project, sync.syncId)
  await pipeline.succeeded(sync.project, runId)
  const wrongPassword = 'canary-of-a-wrong-password'
  await testConnection(sync.project, { ...source.connection, password: wrongPassword })

  const secrets = {
    'password of the source': source.connection.password,
    'wrong password of the source': wrongPassword,
    'secret of the destination': sync.project.account.secret,
    'secret of the owner': stack.bootstrap.secret,
    'operator token': stack.operatorToken,
    'password of the store': stack.servers.postgres.password,
  }
  const found = filesHolding(stack.dir, Object.values(secrets), {
    skip: /\/(secrets|ingestion-\d+-data)$|\/postgres\/password$/,
  })
  assert.ok(found.filesRead > 20, `${found.filesRead} files read`)
  const leaks = Object.entries(secrets).flatMap(([what, secret]) =>
    found.of(secret).map((file) => `${what} in ${file}`),
  )
  assert.deepEqual(leaks, [])
})

async function testConnection(
  project: PipelineProject,
  { password, ...options }: typeof world.source.connection,
): Promise<TestAnswer> {
  return await world.stack.api.post<TestAnswer>(`/v1/projects/${project.id}/sources/test`, {
    warehouse: 'postgres',
    options: { sslMode: 'verify-full', ...options },
    secrets: { password },
  })
}

async function failureOf(
  project: PipelineProject,
  what: string,
  connection: typeof world.source.connection,
): Promise<string> {
  const { ok, checks } = await testConnection(project, connection)
  assert.equal(ok, false, what)
  const failed = checks.find((check) => !check.ok)
  assert.ok(failed?.code && failed.message && failed.hint, `${what}: ${JSON.stringify(checks)}`)
  return failed.code
}
