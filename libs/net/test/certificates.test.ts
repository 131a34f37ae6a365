import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:https'
import { type AddressInfo, connect } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { createTestCa, type TestCa } from '@millrace/local-stack/servers/test-ca.ts'
import { httpTargetGuard } from '@millrace/net/http-target-guard.ts'
import { startTls, type TlsMode } from '@millrace/net/start-tls.ts'

/** The whole process is told to believe every certificate: nothing of ours may. */
describe('with NODE_TLS_REJECT_UNAUTHORIZED=0', () => {
  let ca: TestCa
  let server: Server
  let port: number
  const set = process.env.NODE_TLS_REJECT_UNAUTHORIZED

  before(async () => {
    ca = await createTestCa()
    const tls = await ca.issue(['localhost'])
    server = createServer(tls, (_request, response) => void response.end('in'))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    port = (server.address() as AddressInfo).port
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
  })
  after(async () => {
    if (set === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
    else process.env.NODE_TLS_REJECT_UNAUTHORIZED = set
    server.closeAllConnections()
    await new Promise((done) => server.close(done))
  })

  const encrypted = (name: string, mode: TlsMode, authority: TestCa) =>
    startTls(connect(port, '127.0.0.1'), {
      name,
      mode,
      ca: authority.certificate,
      signal: AbortSignal.timeout(10_000),
    })

  it('a warehouse with a certificate of another authority or name is refused', async () => {
    const stranger = await createTestCa()
    for (const mode of ['verify-full', 'verify-ca'] as const)
      await assert.rejects(encrypted('localhost', mode, stranger), { code: 'tls_certificate_invalid' })
    await assert.rejects(encrypted('db.example.com', 'verify-full', ca), { code: 'tls_certificate_invalid' })
    for (const [name, mode] of [
      ['localhost', 'verify-full'],
      ['db.example.com', 'verify-ca'],
    ] as const)
      (await encrypted(name, mode, ca)).destroy()
  })

  it('a destination whose authority is not a public one is refused', async () => {
    const { agent } = httpTargetGuard({ policy: { allowedCidrs: ['127.0.0.0/8'] } })
    const request = agent.request({ origin: `https://localhost:${port}`, path: '/', method: 'GET' })
    await assert.rejects(request, { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' })
    await agent.close()
  })
})
