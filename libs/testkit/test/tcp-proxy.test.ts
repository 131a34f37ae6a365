import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { startTcpProxy, type TcpProxy } from '../src/tcp-proxy.ts'

/** An echo server behind a proxy. */
async function withEcho(body: (proxy: TcpProxy) => Promise<void>): Promise<void> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy()).pipe(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxy = await startTcpProxy({ target: { host: '127.0.0.1', port: (server.address() as AddressInfo).port } })
  try {
    await body(proxy)
  } finally {
    await proxy.close()
    await new Promise((resolve) => server.close(resolve))
  }
}

async function open(proxy: TcpProxy): Promise<Socket> {
  const socket = connect(proxy.port, '127.0.0.1')
  await once(socket, 'connect')
  return socket
}

async function roundTrip(socket: Socket, bytes: number): Promise<number> {
  const started = performance.now()
  let left = bytes
  const done = new Promise<void>((resolve, reject) => {
    socket.on('data', (data: Buffer) => {
      left -= data.length
      if (left === 0) resolve()
    })
    socket.once('error', reject).once('close', () => reject(new Error('closed early')))
  })
  socket.write(Buffer.alloc(bytes, 7))
  await done
  return performance.now() - started
}

test('a healthy link carries all bytes both ways and passes on the end', async () => {
  await withEcho(async (proxy) => {
    const socket = await open(proxy)
    await roundTrip(socket, 3_000_000)
    socket.end()
    await once(socket, 'close')
    assert.equal(proxy.seen.bytes.upstream, 3_000_000)
    assert.equal(proxy.seen.bytes.downstream, 3_000_000)
  })
})

test('latency and bandwidth slow a link down as told', async () => {
  await withEcho(async (proxy) => {
    proxy.set('upstream', { type: 'latency', ms: 60 })
    assert.ok((await roundTrip(await open(proxy), 10)) >= 58)
    proxy.set('upstream', { type: 'bandwidth', bytesPerSecond: 1_000_000 })
    assert.ok((await roundTrip(await open(proxy), 100_000)) >= 95)
  })
})

test('limit_data lets that many bytes through and then resets the connection', async () => {
  await withEcho(async (proxy) => {
    proxy.set('downstream', { type: 'slicer', bytes: 100 }, { type: 'limit_data', bytes: 500 })
    const socket = await open(proxy)
    await assert.rejects(roundTrip(socket, 1000), { code: 'ECONNRESET' })
    assert.equal(proxy.seen.bytes.downstream, 500)
    assert.equal(proxy.seen.resets, 1)
  })
})

test('reset_peer loses the answer of a request that did arrive', async () => {
  await withEcho(async (proxy) => {
    proxy.set('downstream', { type: 'reset_peer' })
    await assert.rejects(roundTrip(await open(proxy), 10), { code: 'ECONNRESET' })
    assert.equal(proxy.seen.bytes.upstream, 10)
    assert.equal(proxy.seen.bytes.downstream, 0)
  })
})

test('a black hole swallows bytes without closing, and healing resets what it spoilt', async () => {
  await withEcho(async (proxy) => {
    const spoilt = await open(proxy)
    proxy.set('upstream', { type: 'timeout' })
    spoilt.write(Buffer.alloc(10))
    while (proxy.seen.swallowedBytes < 10) await new Promise((resolve) => setTimeout(resolve, 5))
    assert.equal(spoilt.destroyed, false)
    const reset = once(spoilt, 'error')
    proxy.heal()
    assert.equal((await reset)[0].code, 'ECONNRESET')
    await roundTrip(await open(proxy), 10)
  })
})

test('a refusing proxy resets new connections', async () => {
  await withEcho(async (proxy) => {
    proxy.refuse(true)
    const socket = connect(proxy.port, '127.0.0.1')
    const [error] = await once(socket, 'error')
    assert.equal(error.code, 'ECONNRESET')
    proxy.refuse(false)
    await roundTrip(await open(proxy), 10)
  })
})
