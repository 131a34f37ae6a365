import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { until } from '@millrace/local-stack/servers/until.ts'

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))
export const operatorToken = 'operator-token-of-the-tests'
export const account = { username: 'loader', secret: 'secret-of-the-tests-canary' }
export const basic = `Basic ${Buffer.from(`${account.username}:${account.secret}`).toString('base64')}`

/** services/ingestion as a process of its own, on a folder that outlives it. */
export class RunningService {
  readonly dir = mkdtempSync(path.join(tmpdir(), 'millrace-ingestion-'))
  #child: ChildProcess | null = null
  url = ''
  adminUrl = ''
  stderr = ''
  stdout = ''

  async start(env: Record<string, string> = {}): Promise<void> {
    const portFile = path.join(this.dir, 'port')
    const adminPortFile = path.join(this.dir, 'admin-port')
    rmSync(portFile, { force: true })
    rmSync(adminPortFile, { force: true })
    const child = spawn(process.execPath, [main], {
      env: {
        ...process.env,
        MILLRACE_DATA_DIR: path.join(this.dir, 'data'),
        MILLRACE_OPERATOR_TOKEN: operatorToken,
        MILLRACE_PORT_FILE: portFile,
        MILLRACE_ADMIN_PORT_FILE: adminPortFile,
        MILLRACE_TICK_MS: '50',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    child.stdout?.on('data', (text) => {
      this.stdout += text
    })
    child.stderr?.on('data', (text) => {
      this.stderr += text
    })
    const port = async (file: string) => {
      const found = await until(() => child.exitCode !== null || readFileSync(file, 'utf8'), {
        timeoutMs: 60_000,
        what: 'the service',
      })
      if (found === true) throw new Error(`the service ended:\n${this.stderr}${this.stdout}`)
      return found
    }
    this.url = `${env.MILLRACE_TLS_KEY_FILE === undefined ? 'http' : 'https'}://127.0.0.1:${await port(portFile)}`
    this.adminUrl = `http://127.0.0.1:${await port(adminPortFile)}`
  }

  get ended(): boolean {
    return this.#child === null || this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  /** Ends the process; its exit code, or 137 by SIGKILL. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<number | null> {
    const child = this.#child
    if (child === null) return null
    if (!this.ended) {
      child.kill(signal)
      await once(child, 'exit')
    }
    return child.exitCode
  }

  async close(): Promise<void> {
    await this.kill()
    rmSync(this.dir, { recursive: true, force: true })
  }

  async putProject(projectId: string, limits: object = {}, token = `token-${projectId}`): Promise<Response> {
    return await fetch(`${this.url}/operator/projects/${projectId}`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${operatorToken}`, 'content-type': 'application/json' },
      body: JSON.stringify({ token, serviceAccounts: [account], limits }),
    })
  }

  async import(
    projectId: string,
    body: string | Uint8Array<ArrayBuffer>,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    return await fetch(`${this.url}/import?strict=1&project_id=${projectId}`, {
      method: 'POST',
      headers: { authorization: basic, 'content-type': 'application/json', ...headers },
      body,
    })
  }

  async engage(updates: readonly object[], path = '/engage?strict=1'): Promise<Response> {
    return await fetch(`${this.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(updates),
    })
  }

  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into by the tests
  async read(projectId: string, path: string): Promise<any> {
    const response = await fetch(`${this.url}/api/read/projects/${projectId}/${path}`, {
      headers: { authorization: basic },
    })
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
    return await response.json()
  }

  async query(projectId: string, sql: string, more: object = {}): Promise<Response> {
    return await fetch(`${this.url}/api/read/projects/${projectId}/query`, {
      method: 'POST',
      headers: { authorization: basic, 'content-type': 'application/json' },
      body: JSON.stringify({ sql, ...more }),
    })
  }
}

/** A good event; `n` makes its id. */
export function event(n: number, properties: object = {}, name = 'flight') {
  return {
    event: name,
    properties: {
      time: 1_700_000_000_000 + n,
      distinct_id: `user-${n % 10}`,
      $insert_id: `id-${n}`,
      $warehouse_import_id: 'import-1',
      ...properties,
    },
  }
}
