import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { freePort, isFree } from '@millrace/local-stack/servers/free-port.ts'

test('ports asked for at the same time are all different, before anybody listens on them', async () => {
  const ports = await Promise.all(Array.from({ length: 100 }, freePort))
  assert.equal(new Set(ports).size, 100)
})

test('a port that somebody listens on is not free', async () => {
  const port = await freePort()
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  assert.equal(await isFree(port), false)
  await new Promise((resolve) => server.close(resolve))
  assert.equal(await isFree(port), true)
})
