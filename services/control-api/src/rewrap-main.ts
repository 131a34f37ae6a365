import { MillraceError } from '@millrace/domain/errors.ts'
import { loadKek } from '@millrace/secrets/load-kek.ts'
import { openStore } from '@millrace/store/open-store.ts'
import { ConfigError, readEnv } from '@millrace/telemetry/config.ts'
import { rewrapSecrets } from './rewrap-secrets.ts'

/**
 * Re-wraps all stored secrets under the first key of MILLRACE_KEK_FILE: the step of a key rotation between "the new key
 * is in every service" and "the old key is gone" (docs/operations.md). Exit code 0 = nothing is left under an old key.
 */
async function main(): Promise<number> {
  const { storeUrl, kekFile } = readEnv((read) => ({
    storeUrl: read.secret('MILLRACE_STORE_URL'),
    kekFile: read.text('MILLRACE_KEK_FILE'),
  }))
  const kek = loadKek(kekFile)
  const db = openStore(storeUrl, { max: 2, applicationName: 'millrace-rewrap' })
  try {
    const { rewrapped, failed, left } = await rewrapSecrets(db, kek)
    for (const { owner, field, message } of failed) console.error(`${owner} ${field}: ${message}`)
    console.log(`${rewrapped} secrets re-wrapped under ${kek.currentId}, ${left} left under other keys`)
    return left === 0 ? 0 : 1
  } finally {
    await db.close()
  }
}

try {
  process.exitCode = await main()
} catch (error) {
  if (!(error instanceof MillraceError || error instanceof ConfigError)) throw error
  console.error(`${error.message} ${error.hint}`)
  process.exitCode = 1
}
