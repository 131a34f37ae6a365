import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { account, RunningService } from './running-service.ts'

const client = fileURLToPath(new URL('./fixtures/mixpanel-client.ts', import.meta.url))

describe('the public Mixpanel client library, unchanged', () => {
  const service = new RunningService()
  const certificate = path.join(service.dir, 'certificate.pem')
  const key = path.join(service.dir, 'key.pem')
  const tls = { MILLRACE_TLS_CERT_FILE: certificate, MILLRACE_TLS_KEY_FILE: key }

  before(async () => {
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
    const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1']
    execFileSync('openssl', ['req', ...kind, ...subject, '-keyout', key, '-out', certificate], { stdio: 'ignore' })
    await service.start()
    await service.putProject('77')
  })
  after(() => service.close())

  async function run(kind: string, events: number): Promise<void> {
    const { port, protocol } = new URL(service.url)
    // A process of its own, which trusts the certificate from its start.
    await promisify(execFile)(process.execPath, [client, protocol, port, kind, String(events)], {
      env: {
        ...process.env,
        NODE_EXTRA_CA_CERTS: certificate,
        TEST_SECRET: account.secret,
        TEST_USER: account.username,
      },
    })
  }

  const total = async () => {
    const sql = 'SELECT event, count(*), count(DISTINCT insert_id) FROM events GROUP BY event ORDER BY event'
    return ((await (await service.query('77', sql)).json()) as { rows: unknown }).rows
  }

  test('imports batches and sets profiles over http with the project token as key', async () => {
    await run('key', 120)
    assert.deepEqual(await total(), [['key', '120', '120']])
    assert.deepEqual(await service.read('77', 'profiles/user-1'), { properties: { plan: 'pro', visits: 3 } })
    assert.deepEqual(await service.read('77', 'groups/company/acme'), { properties: { size: 10 } })
  })

  test('imports batches over https with a service account and with a secret', async () => {
    await service.kill('SIGTERM')
    await service.start(tls)
    await run('account', 130)
    await run('secret', 60)
    await service.kill('SIGTERM')
    await service.start()
    assert.deepEqual(await total(), [
      ['account', '130', '130'],
      ['key', '120', '120'],
      ['secret', '60', '60'],
    ])
  })
})
