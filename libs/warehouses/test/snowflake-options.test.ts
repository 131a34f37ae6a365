import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { accountHost } from '@millrace/warehouses/snowflake/account-host.ts'
import {
  makeLoginKey,
  otherSlot,
  publicKeyText,
  readLoginKey,
  setKeyStatement,
  writeLoginKey,
} from '@millrace/warehouses/snowflake/key-pair.ts'
import { optionProblems, readOptions } from '@millrace/warehouses/snowflake/options.ts'
import fc from 'fast-check'

const options = {
  accountIdentifier: 'myorg-account123',
  user: 'MILLRACE',
  authentication: 'key_pair',
  role: 'millrace_role',
  warehouse: 'MILLRACE_WAREHOUSE',
  database: 'Analytics',
}
const pathsOf = (value: unknown, secrets: readonly string[] = ['privateKey']) =>
  optionProblems(value, secrets).map(({ path, message }) => `${path} ${message}`)

test('every documented form of an account identifier is a host of Snowflake', () => {
  for (const [identifier, host] of [
    ['myorg-account123', 'myorg-account123'],
    ['MYORG-My_Account', 'myorg-my-account'],
    ['xy12345', 'xy12345'],
    ['xy12345.us-east-2', 'xy12345.us-east-2'],
    ['xy12345.us-east-2.aws', 'xy12345.us-east-2.aws'],
    ['xy12345.us-east-2.aws.privatelink', 'xy12345.us-east-2.aws.privatelink'],
    ['myorg-account123.privatelink', 'myorg-account123.privatelink'],
  ] as const) {
    assert.deepEqual(pathsOf({ ...options, accountIdentifier: identifier }), [])
    assert.equal(accountHost(identifier), `${host}.snowflakecomputing.com`)
  }
})

/** What was tried against other programs that put the identifier into a URL, and what ends a host in one. */
const attacks = [
  'attacker.example.com/',
  'attacker.example.com/x',
  'attacker.example.com?',
  'attacker.example.com?x=',
  'attacker.example.com#',
  'attacker.example.com#x',
  'attacker.example.com\\',
  'attacker.example.com:443/',
  'attacker.example.com:443',
  'attacker.example.com%2f',
  'attacker.example.com%23',
  'user@attacker.example.com/',
  'a@b',
  'a:b@c',
  'https://attacker.example.com/',
  '//attacker.example.com/',
  'x.evil/',
  'a?',
  'a#',
  '..',
  '.',
  'a..b',
  '.a',
  'a.',
  '-a',
  'a-',
  '',
  ' ',
  'my account',
  'account\n',
  'account\r\nHost: attacker.example.com',
  'account\t',
  'account\0',
  '127.0.0.1/',
  '[::1]',
  'ａccount',
  'аccount',
  'account。attacker',
  'a.b.c.d.e',
  'a'.repeat(64),
  `${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}`,
]

test('an identifier that could lead to another host is refused before the network is used', () => {
  for (const identifier of attacks) {
    assert.deepEqual(pathsOf({ ...options, accountIdentifier: identifier }), ['/accountIdentifier has another form'])
    assert.throws(() => accountHost(identifier), { code: 'options_invalid' }, JSON.stringify(identifier))
  }
})

test('whatever is taken for an account identifier, its host lies below snowflakecomputing.com', () => {
  const parts = fc.constantFrom('a', 'Z', '9', '-', '_', '.', '/', '?', '#', '@', ':', '\\', '%', ' ', '\n', 'é')
  fc.assert(
    fc.property(fc.array(parts, { maxLength: 30 }), (chars) => {
      const identifier = chars.join('')
      if (optionProblems({ ...options, accountIdentifier: identifier }, ['privateKey']).length > 0) return
      const { hostname, href } = new URL(`https://${accountHost(identifier)}`)
      assert.match(hostname, /^[a-z0-9.-]+\.snowflakecomputing\.com$/)
      assert.equal(href, `https://${hostname}/`)
    }),
  )
})

test('options are a closed set, and names are those that need no quotes', () => {
  assert.deepEqual(pathsOf(options), [])
  assert.deepEqual(pathsOf({ ...options, host: 'example.com' }), ['/host is not known'])
  assert.deepEqual(pathsOf({ ...options, role: 'a"b' }), ['/role has another form'])
  assert.deepEqual(pathsOf({ ...options, authentication: 'externalbrowser' }), ['/authentication has another form'])
  assert.deepEqual(pathsOf({}, []).length, 6)
  assert.equal(readOptions({ ...options, role: 'a b' }), null)
  assert.deepEqual(readOptions(options), {
    ...options,
    role: 'MILLRACE_ROLE',
    database: 'ANALYTICS',
    connectorSchema: 'MILLRACE',
  })
})

test('each way to log in has the secrets that it needs and no others', () => {
  const password = { ...options, authentication: 'password' }
  assert.deepEqual(pathsOf(password, ['password']), [])
  assert.deepEqual(pathsOf(password, []), ['/secrets/password is missing'])
  assert.deepEqual(pathsOf(password, ['password', 'privateKey']), ['/secrets/privateKey is not known'])
  assert.deepEqual(pathsOf(options, ['privateKey', 'nextPrivateKey']), [])
  assert.deepEqual(pathsOf(options, ['password']), ['/secrets/password is not known', '/secrets/privateKey is missing'])
})

test('a pair of keys is made for a slot, and its public key stands in the statement', async () => {
  const key = await makeLoginKey('RSA_PUBLIC_KEY_2')
  const { asymmetricKeyDetails, type } = createPrivateKey(key.pem)
  assert.equal(type, 'private')
  assert.ok((asymmetricKeyDetails?.modulusLength ?? 0) >= 2048)
  assert.match(key.pem, /^-----BEGIN PRIVATE KEY-----\n/)
  assert.deepEqual(readLoginKey(writeLoginKey(key)), key)
  const statement = setKeyStatement('mill@example.com', key)
  assert.equal(statement, `ALTER USER "MILL@EXAMPLE.COM" SET RSA_PUBLIC_KEY_2 = '${publicKeyText(key)}';`)
  const der = Buffer.from(publicKeyText(key), 'base64')
  assert.equal(createPublicKey({ key: der, format: 'der', type: 'spki' }).asymmetricKeyType, 'rsa')
  assert.equal(otherSlot('RSA_PUBLIC_KEY_2'), 'RSA_PUBLIC_KEY')
  assert.doesNotMatch(statement, /PRIVATE/)
})

test('a private key that Millrace has not made is not taken', () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  assert.throws(() => readLoginKey(pem), { code: 'options_invalid' })
})
