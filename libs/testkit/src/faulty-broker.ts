import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { freePort } from '@millrace/local-stack/servers/free-port.ts'
import { startKafka } from '@millrace/local-stack/servers/kafka.ts'
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts'

/** One real broker behind a fault proxy; clients cannot get round it, since the broker advertises the proxy's port. */
export type FaultyBroker = {
  readonly address: string
  readonly proxy: TcpProxy
  /** kill -9. */
  kill(): Promise<void>
  /** Starts it again with its data, on the same port. */
  start(): Promise<void>
  close(): Promise<void>
}

/** Starts a broker of its own on free ports, in a temporary folder that `close` removes. Rejects when Kafka is not set up. */
export async function startFaultyBroker(): Promise<FaultyBroker> {
  const dir = await mkdtemp(path.join(tmpdir(), 'broker-'))
  const port = await freePort()
  const proxy = await startTcpProxy({ target: { host: '127.0.0.1', port } })
  const address = `127.0.0.1:${proxy.port}`
  const closeProxy = async () => {
    await proxy.close()
    await rm(dir, { recursive: true })
  }
  const kafka = await startKafka({ dir, port, advertised: address, heapMb: 512 }).catch(async (error) => {
    await closeProxy()
    throw error
  })
  return {
    address,
    proxy,
    kill: async () => void (await kafka.kill()),
    start: () => kafka.start(),
    async close() {
      await kafka.kill()
      await closeProxy()
    },
  }
}
