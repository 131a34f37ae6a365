import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type SnowflakeServer, startSnowflakeServer } from '@millrace/testkit/snowflake/snowflake-server.ts'
import { Driver } from './snowflake-driver.ts'
import { type Pair, pair, tokenOf } from './snowflake-keys.ts'

const hourMs = 3_600_000

describe('logging in to the stand-in for Snowflake', () => {
  let server: SnowflakeServer
  before(async () => {
    server = await startSnowflakeServer()
  })
  after(() => server.close())

  test('needs the right password, and a role that the user has', async () => {
    await assert.rejects(Driver.connect(server, { password: 'wrong' }), { code: '390100' })
    await assert.rejects(Driver.connect(server, { username: 'NOBODY' }), { code: '390100' })
    await assert.rejects(Driver.connect(server, { role: 'ACCOUNTADMIN' }), { code: '390189' })
  })

  test('by key pair needs a token that one of the two keys signed', async () => {
    const [first, second, other] = [pair(), pair(), pair()]
    const login = (key: Pair) => Driver.connect(server, { authenticator: 'SNOWFLAKE_JWT', privateKey: key.pem })
    await assert.rejects(login(first), { code: '390144' })
    server.setPublicKey(1, first.publicPem)
    await (await login(first)).close()
    await assert.rejects(login(second), { code: '390144' })
    server.setPublicKey(2, second.publicPem)
    await (await login(first)).close()
    await (await login(second)).close()
    server.setPublicKey(1, null)
    await assert.rejects(login(first), { code: '390144' })
    await (await login(second)).close()
    await assert.rejects(login(other), { code: '390144' })
  })

  test('by key pair is refused with a forged signature, an expired token or another user', async () => {
    const [own, other] = [pair(), pair()]
    server.setPublicKey(1, own.publicPem)
    const now = Date.now()
    const good = { user: server.user, key: own.publicKey, iat: now, exp: now + 60_000 }
    assert.equal(await loginWith(tokenOf(server, good, own.privateKey)), null)
    assert.match(String(await loginWith(tokenOf(server, good, other.privateKey))), /390144.*signature/)
    const old = { ...good, iat: now - 2 * hourMs, exp: now - hourMs }
    assert.match(String(await loginWith(tokenOf(server, old, own.privateKey))), /390144.*expired/)
    assert.match(String(await loginWith(tokenOf(server, { ...good, user: 'ANN' }, own.privateKey))), /390144/)
    assert.match(String(await loginWith(tokenOf(server, { ...good, key: other.publicKey }, own.privateKey))), /390144/)
  })

  async function loginWith(token: string): Promise<string | null> {
    const data = {
      ACCOUNT_NAME: server.account,
      LOGIN_NAME: server.user,
      AUTHENTICATOR: 'SNOWFLAKE_JWT',
      TOKEN: token,
    }
    const body = JSON.stringify({ data })
    const response = await fetch(`${server.accessUrl}/session/v1/login-request`, { method: 'POST', body })
    const { success, code, message } = (await response.json()) as Record<string, unknown>
    return success === true ? null : `${code} ${message}`
  }
})
