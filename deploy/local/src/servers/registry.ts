import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { freePort } from './free-port.ts'
import { type InstalledTools, installedTools } from './installed-tools.ts'
import { type Server, startServer } from './server-process.ts'
import { until } from './until.ts'

const READY_MS = 60_000

export type RegistryOptions = {
  readonly dir: string
  readonly port?: number
  /** Default 256. */
  readonly heapMb?: number
  readonly tools?: InstalledTools
}

export type RegistryServer = Server & {
  /** The Confluent-compatible REST API. */
  readonly url: string
  readonly port: number
}

/** Starts a real schema registry on loopback, its schemas in a file of `dir`, and waits until it answers. */
export async function startRegistry(options: RegistryOptions): Promise<RegistryServer> {
  const { dir, heapMb = 256, tools = installedTools() } = options
  const port = options.port ?? (await freePort())
  mkdirSync(dir, { recursive: true })
  const jar = readdirSync(tools.registryHome).find((file) => file.endsWith('-runner.jar'))
  if (jar === undefined || !existsSync(path.join(tools.registryHome, 'lib'))) {
    throw new Error(`${tools.registryHome} is not a schema registry; remove it and run: npm run setup`)
  }
  const url = `http://127.0.0.1:${port}/apis/ccompat/v7`
  const server = await startServer({
    name: 'registry',
    dir,
    launch: () => ({
      command: tools.java,
      args: [
        `-Xmx${heapMb}m`,
        '-Xshare:auto',
        // Starts in half the time; a registry is asked once per schema, so there is little to compile better.
        '-XX:TieredStopAtLevel=1',
        '-XX:+UseSerialGC',
        `-Dquarkus.http.port=${port}`,
        '-Dquarkus.http.host=127.0.0.1',
        '-jar',
        path.join(tools.registryHome, jar),
      ],
      cwd: tools.registryHome,
      env: {
        ...process.env,
        APICURIO_STORAGE_KIND: 'sql',
        APICURIO_STORAGE_SQL_KIND: 'h2',
        // A registry killed a moment after it answered must still know what it answered.
        APICURIO_DATASOURCE_URL: `jdbc:h2:file:${path.join(path.resolve(dir), 'registry')};WRITE_DELAY=0`,
      },
    }),
    ready: ({ signal }) =>
      until(async () => (await fetch(`${url}/subjects`, { signal })).ok, { timeoutMs: READY_MS, what: url, signal }),
  })
  return Object.assign(server, { url, port })
}
