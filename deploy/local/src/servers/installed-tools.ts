import { readFileSync } from 'node:fs'
import path from 'node:path'

/** Where the set-up of this checkout found or put what is not an npm package. */
export type InstalledTools = {
  readonly java: string
  /** Folder with Kafka's jars. */
  readonly kafkaLibs: string
  /** Folder of the unpacked schema registry. */
  readonly registryHome: string
  readonly redisServer: string
}

/** The set-up has not run in this checkout. */
export class NotSetUpError extends Error {
  readonly code = 'NOT_SET_UP'
  readonly hint = 'Run: npm run setup'

  constructor(file: string, cause: unknown) {
    super(
      `${file} is missing or unreadable, so Kafka, the schema registry and Redis cannot be found. Run: npm run setup`,
      {
        cause,
      },
    )
    this.name = 'NotSetUpError'
  }
}

/** The root folder of this checkout. */
export const checkoutRoot = path.resolve(import.meta.dirname, '../../../..')

/** Reads `.millrace/tools.json` of this checkout. */
export function installedTools(): InstalledTools {
  const file = path.join(checkoutRoot, '.millrace/tools.json')
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new NotSetUpError(file, error)
  }
}
