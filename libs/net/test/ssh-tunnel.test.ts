import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SshTunnel } from '@millrace/net/ssh-tunnel.ts'
import { startBastion } from '@millrace/testkit/bastion.ts'

test('a bastion that never reaches its target keeps nobody waiting', async () => {
  const bastion = await startBastion(0, { silent: true })
  const { port, user, privateKey, hostKey } = bastion
  const tunnel = new SshTunnel(
    {
      host: '127.0.0.1',
      port,
      user,
      privateKey,
      hostKey,
      trustFirstKey: false,
      target: { host: 'db.internal', port: 5432 },
    },
    { allowedCidrs: ['127.0.0.0/8'] },
  )
  try {
    await assert.rejects(tunnel.open(AbortSignal.timeout(500)), { name: 'TimeoutError' })
    assert.deepEqual(bastion.asked, ['db.internal:5432'])
    await assert.rejects(tunnel.open(AbortSignal.timeout(60_000)), { code: 'host_unreachable' })
  } finally {
    await tunnel.close()
    await bastion.close()
  }
})
