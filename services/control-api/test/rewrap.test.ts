import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { openFields, sealFields } from '@millrace/control-api/sealed-secrets.ts'
import { newKekLine, parseKek } from '@millrace/secrets/load-kek.ts'
import { putSealedFields } from '@millrace/store/secrets/put-sealed-fields.ts'
import { sealedFields } from '@millrace/store/secrets/sealed-fields.ts'
import { startTestStore, type TestStore } from '@millrace/testkit/with-store.ts'

const main = path.resolve(import.meta.dirname, '../src/rewrap-main.ts')
const run = promisify(execFile)

describe('a rotation of the key-encryption key', () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'millrace-rewrap-'))
  const [old, fresh, stranger] = ['2025', '2026', 'lost'].map((id) => newKekLine(id)) as [string, string, string]
  const place = (n: number) => ({ tenant: 'p', owner: `source:${n}` })
  const fields = (n: number) => ({ password: `canary-${n}`, sshPrivateKey: `canary-key-${n}` })
  let store: TestStore

  before(async () => {
    store = await startTestStore()
  })
  after(async () => {
    await store?.close()
    rmSync(dir, { recursive: true, force: true })
  })

  const put = async (n: number, keys: string) => {
    const sealed = sealFields(parseKek(keys), place(n), fields(n))
    await putSealedFields(store.db, place(n).owner, sealed)
  }
  const opened = async (n: number, keys: string) =>
    openFields(parseKek(keys), place(n), await sealedFields(store.db, place(n).owner))
  const rewrap = async (keys: string) => {
    const file = path.join(dir, 'kek')
    writeFileSync(file, keys, { mode: 0o600 })
    const env = { PATH: process.env.PATH, MILLRACE_STORE_URL: store.url, MILLRACE_KEK_FILE: file }
    const done = run(process.execPath, [main], { env })
    return done.then(
      ({ stdout, stderr }) => ({ code: 0, text: stdout + stderr }),
      ({ code, stdout, stderr }) => ({ code: code as number, text: stdout + stderr }),
    )
  }

  test('wraps every secret anew, is safe to repeat, and then the old key can go', async () => {
    for (let n = 0; n < 130; n++) await put(n, old)
    await put(130, fresh + old)
    const first = await rewrap(fresh + old)
    assert.deepEqual(first, { code: 0, text: '260 secrets re-wrapped under 2026, 0 left under other keys\n' })
    for (const n of [0, 64, 129, 130]) {
      assert.deepEqual(await opened(n, fresh), fields(n))
      await assert.rejects(opened(n, old), { code: 'kek_unknown' })
    }
    assert.deepEqual(await rewrap(fresh), {
      code: 0,
      text: '0 secrets re-wrapped under 2026, 0 left under other keys\n',
    })
    const entries = await store.db
      .selectFrom('audit')
      .select(['after'])
      .where('action', '=', 'secrets.rewrap')
      .execute()
    const audited = entries.reduce((sum, { after: entry }) => sum + (entry as { secrets: number }).secrets, 0)
    assert.equal(audited, 260)
  })

  test('names the secrets that no key opens, leaves them, and does not call itself done', async () => {
    await put(200, stranger)
    await put(201, old)
    const { code, text } = await rewrap(fresh + old)
    assert.equal(code, 1)
    assert.match(text, /source:200 password: .*"lost"/)
    assert.match(text, /2 secrets re-wrapped under 2026, 2 left under other keys/)
    assert.ok(!text.includes('canary'))
    assert.deepEqual(await opened(200, stranger), fields(200))
    assert.deepEqual(await opened(201, fresh), fields(201))
  })

  test('without a usable key file it says what to do', async () => {
    const { code, text } = await rewrap('no key')
    assert.equal(code, 1)
    assert.match(text, /Line 1 of the key file is no key\. Write id:base64/)
  })
})
