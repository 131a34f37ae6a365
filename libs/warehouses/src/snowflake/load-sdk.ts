import type { Duplex, Readable } from 'node:stream'
import type { SecureSocket } from './guarded-agents.ts'

/** The part of snowflake-sdk that is used. https://docs.snowflake.com/en/developer-guide/node-js/node-js-driver */
export type SdkStatement = {
  getQueryId(): string | undefined
  cancel(done: (error: unknown) => void): void
  streamRows(): Readable
}
export type SdkComplete = (error: unknown, statement: SdkStatement, rows?: readonly unknown[]) => void
export type SdkExecute = {
  readonly sqlText: string
  readonly rowMode: 'array' | 'object'
  readonly fetchAsString: readonly string[]
  readonly streamResult: boolean
  readonly parameters: Readonly<Record<string, string | number>>
  readonly complete: SdkComplete
}
export type SdkConnection = {
  connect(done: (error: unknown) => void): void
  execute(options: SdkExecute): SdkStatement
  isUp(): boolean
  destroy(done: (error: unknown) => void): void
}
export type Sdk = {
  createConnection(options: Readonly<Record<string, unknown>>): SdkConnection
  readonly secureSocket: SecureSocket
}

/**
 * The SDK, loaded when it is first needed: loading it looks at the machine (clouds' metadata addresses, a native library), which
 * is turned off, and its log could hold what is secret, so there is none.
 */
export async function loadSdk(): Promise<Sdk> {
  process.env.SNOWFLAKE_DISABLE_PLATFORM_DETECTION = 'true'
  process.env.SNOWFLAKE_DISABLE_MINICORE = 'true'
  process.env.SF_TELEMETRY_DISABLE_CONNECTION_SHAPE = 'true'
  const { default: sdk } = (await import('snowflake-sdk')) as unknown as {
    default: Pick<Sdk, 'createConnection'> & { configure(options: Readonly<Record<string, unknown>>): void }
  }
  sdk.configure({ logLevel: 'OFF', additionalLogToConsole: false })
  // What the SDK's own agents do with a new socket: the agents here are ours. It has no types.
  const path = 'snowflake-sdk/dist/lib/agent/socket_util.js'
  const { default: agents } = (await import(path)) as {
    default: { secureSocket(socket: Duplex, host: string, agent: null): Duplex }
  }
  return { createConnection: sdk.createConnection, secureSocket: agents.secureSocket }
}
