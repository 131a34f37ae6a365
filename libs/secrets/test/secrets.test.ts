import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { inspect } from 'node:util'
import { hashAccountSecret, newAccountSecret, verifyAccountSecret } from '@millrace/secrets/account-secret.ts'
import { AccountVerifier } from '@millrace/secrets/account-verifier.ts'
import { loadKek, newKekLine, parseKek } from '@millrace/secrets/load-kek.ts'
import { open } from '@millrace/secrets/open.ts'
import { rewrap } from '@millrace/secrets/rewrap.ts'
import { seal } from '@millrace/secrets/seal.ts'
import { additionalData, type Sealed, type SecretPlace } from '@millrace/secrets/sealed.ts'
import { SecretError } from '@millrace/secrets/secret-error.ts'
import fc from 'fast-check'

const oldLine = newKekLine('2025')
const newLine = newKekLine('2026')
const kek = parseKek(oldLine)
const place: SecretPlace = { tenant: 'p1', owner: 'source:s1', field: 'password' }
const text = fc.string({ unit: 'binary', maxLength: 300 })
const name = fc.oneof(fc.string({ maxLength: 12 }), fc.constantFrom('a|b', '1:a|1:b', '', 'p1', 'source:s1'))
const places = fc.record({ tenant: name, owner: name, field: name })

const isCode = (code: string) => (error: unknown) => error instanceof SecretError && error.code === code
const unreadable = isCode('secret_unreadable')

describe('a sealed secret', () => {
  test('opens in its place and gives back exactly what was sealed', () => {
    fc.assert(
      fc.property(text, places, (plaintext, at) => {
        assert.equal(open({ kek, ...at, sealed: seal({ kek, ...at, plaintext }) }), plaintext)
      }),
    )
  })

  test('opens in no other project, connection or field', () => {
    fc.assert(
      fc.property(places, places, (here, there) => {
        fc.pre(here.tenant !== there.tenant || here.owner !== there.owner || here.field !== there.field)
        const sealed = seal({ kek, ...here, plaintext: 'canary' })
        assert.throws(() => open({ kek, ...there, sealed }), unreadable)
        assert.notDeepEqual(additionalData(here, 1), additionalData(there, 1))
      }),
    )
  })

  test('does not open after any one bit of it was flipped', () => {
    const sealed = seal({ kek, ...place, plaintext: 'correct horse battery staple' })
    for (const part of ['wrappedKey', 'nonce', 'ciphertext', 'tag'] as const)
      for (let bit = 0; bit < sealed[part].length * 8; bit++) {
        const bytes = Buffer.from(sealed[part])
        bytes[bit >>> 3]! ^= 1 << (bit & 7)
        assert.throws(() => open({ kek, ...place, sealed: { ...sealed, [part]: bytes } }), unreadable)
      }
    assert.throws(() => open({ kek, ...place, sealed: { ...sealed, keyVersion: 2 } }), unreadable)
  })

  test('does not open with parts of another secret of the same place', () => {
    const one = seal({ kek, ...place, plaintext: 'one' })
    const two = seal({ kek, ...place, plaintext: 'two' })
    for (const part of ['wrappedKey', 'nonce', 'ciphertext', 'tag'] as const)
      assert.throws(() => open({ kek, ...place, sealed: { ...one, [part]: two[part] } }), unreadable)
  })

  test('does not open when a part was cut short', () => {
    const sealed = seal({ kek, ...place, plaintext: 'canary' })
    for (const part of ['wrappedKey', 'nonce', 'ciphertext', 'tag'] as const)
      assert.throws(
        () => open({ kek, ...place, sealed: { ...sealed, [part]: sealed[part].subarray(0, 4) } }),
        unreadable,
      )
  })

  test('shares neither data key nor nonce with another one of the same text', () => {
    const [one, two] = [1, 2].map(() => seal({ kek, ...place, plaintext: 'same' })) as [Sealed, Sealed]
    for (const part of ['wrappedKey', 'nonce', 'ciphertext', 'tag'] as const) assert.notDeepEqual(one[part], two[part])
  })

  test('shows its text neither in the errors about it nor in the key it was sealed with', () => {
    const sealed = seal({ kek, ...place, plaintext: 'canary-7f3a' })
    const key = oldLine.split(':')[1]!.trim()
    try {
      open({ kek, ...place, tenant: 'p2', sealed })
      assert.fail('opened')
    } catch (error) {
      assert.doesNotMatch(inspect(error, { depth: 9 }), /canary/)
    }
    assert.ok(!inspect(kek, { depth: 9, showHidden: true }).includes(key))
  })
})

describe('rotation', () => {
  const both = parseKek(newLine + oldLine)

  test('reads what the old key wrapped, and wraps under the new one', () => {
    const before = seal({ kek, ...place, plaintext: 'canary' })
    assert.equal(open({ kek: both, ...place, sealed: before }), 'canary')
    assert.equal(seal({ kek: both, ...place, plaintext: 'x' }).kekId, '2026')
  })

  test('re-wraps without touching the ciphertext, after which the old key can go', () => {
    const before = seal({ kek, ...place, plaintext: 'canary' })
    const after = rewrap({ kek: both, sealed: before })!
    assert.deepEqual({ ...after, kekId: 0, wrappedKey: 0 }, { ...before, kekId: 0, wrappedKey: 0 })
    const onlyNew = parseKek(newLine)
    assert.equal(open({ kek: onlyNew, ...place, sealed: after }), 'canary')
    assert.throws(() => open({ kek: onlyNew, ...place, sealed: before }), isCode('kek_unknown'))
    assert.equal(rewrap({ kek: both, sealed: after }), null)
  })

  test('another key under the same id is noticed', () => {
    const sealed = seal({ kek, ...place, plaintext: 'canary' })
    assert.throws(() => open({ kek: parseKek(newKekLine('2025')), ...place, sealed }), unreadable)
  })
})

describe('a key file', () => {
  const invalid = isCode('kek_invalid')

  test('may have comments, empty lines and Windows line ends', () => {
    assert.equal(parseKek(`# made by hand\r\n\r\n${newLine.trim()}\r\n${oldLine}`).currentId, '2026')
  })

  test('without a key, with a short key, a broken line or one id twice is refused without showing the line', () => {
    for (const bad of ['', '# only', 'k:AAAA', 'canary-line', newLine + newLine])
      assert.throws(
        () => parseKek(bad),
        (error: Error) => invalid(error) && !error.message.includes('canary'),
      )
  })

  test('that is missing is named', (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'kek-'))
    t.after(() => rmSync(dir, { recursive: true }))
    writeFileSync(join(dir, 'kek'), newLine)
    assert.equal(loadKek(join(dir, 'kek')).currentId, '2026')
    assert.throws(() => loadKek(join(dir, 'none')), invalid)
  })
})

describe('the secret of a service account', () => {
  const cost = { logN: 10, r: 8, p: 1 }

  test('is verified against its hash, which does not hold it', async () => {
    const secret = newAccountSecret()
    const hash = await hashAccountSecret(secret, cost)
    assert.ok(!hash.includes(secret))
    assert.equal(await verifyAccountSecret(secret, hash), true)
    assert.equal(await verifyAccountSecret(`${secret}x`, hash), false)
    assert.notEqual(await hashAccountSecret(secret, cost), hash)
  })

  test('is never right for an unknown account or a hash that cannot be read', async () => {
    for (const hash of [null, '', 'scrypt$10$8$1$short$short'])
      assert.equal(await verifyAccountSecret('anything', hash, cost), false)
  })
})

describe('the verifier of service accounts', () => {
  const cost = { logN: 14, r: 8, p: 1 }

  test('hashes a right secret once a minute, and knows at once that it was changed', async () => {
    let now = 0
    const verifier = new AccountVerifier({ now: () => now, cost })
    const hash = await hashAccountSecret('right', cost)
    const took = async () => {
      const start = process.cpuUsage()
      assert.equal(await verifier.verify('ann', 'right', hash), true)
      const { user, system } = process.cpuUsage(start)
      return user + system
    }
    const first = await took()
    const second = await took()
    assert.ok(second < first / 4, `the second time took ${second} of ${first} µs`)
    now = 60_001
    const third = await took()
    assert.ok(third > second * 2, 'after a minute it was not hashed again')
    assert.equal(await verifier.verify('ann', 'wrong', hash), false)
    assert.equal(await verifier.verify('ann', 'right', await hashAccountSecret('other', cost)), false)
    assert.equal(await verifier.verify('bob', 'right', null), false)
  })

  test('answers many at once, each rightly', async () => {
    const verifier = new AccountVerifier({ now: () => 0, cost: { logN: 10, r: 8, p: 1 } })
    const hash = await hashAccountSecret('right', { logN: 10, r: 8, p: 1 })
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) => verifier.verify('ann', i % 2 === 0 ? 'right' : `wrong ${i}`, hash)),
    )
    assert.deepEqual(
      answers,
      Array.from({ length: 40 }, (_, i) => i % 2 === 0),
    )
  })
})
