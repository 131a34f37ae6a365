import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connections, DBSQLClient } from '@databricks/sql'
import { bodyOf } from './message-body.ts'
import { type ThriftUpstream, throughDoor } from './thrift-upstream.ts'

/** The official driver over plain http: it speaks https only, but asks for its connection through a method that may be overridden. */
class PlainDriver extends DBSQLClient {
  connection: InstanceType<typeof connections.HttpConnection> | undefined

  override getConnectionProvider() {
    if (this.connection === undefined) throw new Error('not connected')
    return Promise.resolve(this.connection)
  }
}

export type OwnerSession = { run(sql: string): Promise<readonly object[]>; close(): Promise<void> }

/** A session of whoever owns the tables, through a door of its own, whatever the cluster's state. */
export async function openOwnerSession(upstream: ThriftUpstream): Promise<OwnerSession> {
  const http = createServer((request, response) => {
    bodyOf(request)
      .then((body) => throughDoor(upstream, body))
      .then(
        (answer) => response.writeHead(200, { 'content-type': 'application/x-thrift' }).end(answer),
        () => response.writeHead(500).end(),
      )
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const driver = new PlainDriver({ logger: { log: () => undefined } })
  const place = { host: '127.0.0.1', port: (http.address() as AddressInfo).port, path: '/' }
  driver.connection = new connections.HttpConnection({ ...place, https: false }, driver)
  await driver.connect({ ...place, token: 'none', telemetryEnabled: false })
  const session = await driver.openSession({})
  return {
    async run(sql) {
      const operation = await session.executeStatement(sql, { runAsync: true, useCloudFetch: false })
      try {
        await operation.finished()
        return await operation.fetchAll()
      } catch (error) {
        const { response } = error as { response?: { errorMessage?: string } }
        throw new Error(`${response?.errorMessage?.slice(0, 2000) ?? (error as Error).message}\n${sql.slice(0, 500)}`)
      } finally {
        await operation.close()
      }
    },
    async close() {
      await session.close()
      await driver.close()
      const agent = await driver.connection?.getAgent()
      agent?.destroy()
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
    },
  }
}
