import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { caBytesMax, caCertificates } from '@millrace/net/ca-bundle.ts'
import { hostName, hostNameProblem } from '@millrace/net/host-name.ts'
import { httpTargetGuard } from '@millrace/net/http-target-guard.ts'
import { checkBehindBastion } from '@millrace/net/net-policy.ts'
import { resolveHost } from '@millrace/net/resolve-host.ts'
import fc from 'fast-check'

const nobody = { allowedCidrs: [] }

describe('host names', () => {
  for (const text of [
    ...[
      '0x7f.0.0.1',
      '0x7f000001',
      '2130706433',
      '017700000001',
      '0177.0.0.1',
      '127.1',
      '127.0.1',
      '1.2.3.4.5',
      '256.1.1.1',
    ],
    ...['::1', '[::1]', '::ffff:127.0.0.1', '[::ffff:7f00:1]', '0', '0x0', '127.0.0.1.', '１２７.0.0.1', '①27.0.0.1'],
    ...[
      '',
      '.',
      '..',
      'a..b',
      '-a.example',
      'a b',
      'a\nb',
      'a\0b',
      'host/path',
      'host?x=1',
      'host#x',
      'u@host',
      'host:5432',
      'a\\b',
      'a%00b',
    ],
    ...['https://host', 'x'.repeat(64), `${'a.'.repeat(127)}com`, '/var/run/postgresql'],
  ]) {
    it(`refuse ${JSON.stringify(text.slice(0, 40))}`, () => assert.notEqual(hostNameProblem(text), null))
  }

  it('pass in their usual forms, as they will be looked up', () => {
    assert.equal(hostName('DB.Example.com'), 'db.example.com')
    assert.equal(hostName('db.example.com.'), 'db.example.com')
    assert.equal(hostName('bücher.example'), 'xn--bcher-kva.example')
    assert.equal(hostName('my_db-1'), 'my_db-1')
    assert.equal(hostName('93.184.215.14'), '93.184.215.14')
  })

  it('never become another address than the one that was written', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'0123456789abcdefx.:[]%'), maxLength: 16 }), (text) => {
        const name = hostName(text)
        if (name !== null && /^[\d.]+$/.test(name)) assert.equal(name, text)
      }),
      { seed: 5 },
    )
  })
})

describe('the guard', () => {
  const resolve = (
    addresses: readonly string[],
    policy: { allowedCidrs: string[]; allowedPorts?: number[] } = { allowedCidrs: [] },
    port = 5432,
  ) => resolveHost({ host: 'db.example', port, family: 0, policy, lookup: async () => addresses })

  for (const address of [
    ...[
      '127.0.0.1',
      '127.255.255.254',
      '10.0.0.1',
      '172.16.0.1',
      '172.31.255.255',
      '192.168.1.1',
      '169.254.169.254',
      '100.64.0.1',
    ],
    ...[
      '0.0.0.0',
      '0.1.2.3',
      '224.0.0.1',
      '255.255.255.255',
      '192.0.2.1',
      '198.51.100.1',
      '203.0.113.1',
      '198.18.0.1',
      '192.0.0.1',
    ],
    ...[
      '::1',
      '::',
      '::ffff:10.0.0.1',
      '::ffff:8.8.8.8',
      'fe80::1',
      'fd00::1',
      'fc00::1',
      'ff02::1',
      '64:ff9b::a00:1',
      '2001:db8::1',
      '2002:a00:1::',
    ],
  ]) {
    it(`lets no name lead to ${address}, not even beside a public address`, async () => {
      await assert.rejects(resolve([address]), { code: 'host_not_allowed' })
      await assert.rejects(resolve(['8.8.8.8', address]), { code: 'host_not_allowed' })
    })
  }

  it('lets public addresses pass, and gives the one to connect to', async () => {
    assert.deepEqual(await resolve(['8.8.8.8']), { name: 'db.example', address: '8.8.8.8' })
    assert.deepEqual(await resolve(['2606:4700::1111', '8.8.8.8']), { name: 'db.example', address: '8.8.8.8' })
  })

  it('opens networks and ports that the operator has listed, and no others', async () => {
    const policy = { allowedCidrs: ['10.1.0.0/16', 'fd00::/8'], allowedPorts: [6543] }
    assert.equal((await resolve(['10.1.2.3'], policy, 15432)).address, '10.1.2.3')
    assert.equal((await resolve(['fd00::5'], policy, 443)).address, 'fd00::5')
    await assert.rejects(resolve(['10.2.0.1'], policy), { code: 'host_not_allowed' })
    assert.equal((await resolve(['8.8.8.8'], policy, 6543)).address, '8.8.8.8')
    await assert.rejects(resolve(['8.8.8.8'], policy, 6379), { code: 'port_not_allowed' })
  })

  it('says the same of names without an address and of names that are not known', async () => {
    const lookup = () => Promise.reject(Object.assign(new Error('x'), { code: 'ENOTFOUND' }))
    const unknown = await resolveHost({ host: 'a.example', port: 443, family: 4, policy: nobody, lookup }).catch(
      (error) => error,
    )
    const empty = await resolve([]).catch((error) => error)
    assert.equal(unknown.code, 'host_not_found')
    assert.equal(unknown.message, empty.message)
  })

  it('keeps bastions from the machine they run on and from the cloud’s metadata', () => {
    for (const host of [
      '127.0.0.1',
      'localhost',
      'x.localhost',
      '169.254.169.254',
      '0.0.0.0',
      'metadata.google.internal',
    ]) {
      assert.throws(() => checkBehindBastion(host, 5432, nobody), { code: 'host_not_allowed' }, host)
    }
    checkBehindBastion('10.0.0.5', 5432, nobody)
    checkBehindBastion('db.internal', 5432, nobody)
    assert.throws(() => checkBehindBastion('db.internal', 6379, nobody), { code: 'port_not_allowed' })
  })
})

describe('the guard of HTTP clients', () => {
  const lookup = async (name: string) =>
    name === 'inside.example' ? ['10.0.0.1'] : name === 'localhost' ? ['127.0.0.1'] : ['8.8.8.8']
  const guard = httpTargetGuard({ policy: nobody, lookup })

  it('judges base URLs when they are entered', async () => {
    await guard.check('https://api.example/path')
    for (const [url, code] of [
      ['http://api.example', 'tls_required'],
      ['https://inside.example', 'host_not_allowed'],
      ['https://api.example:8443', 'port_not_allowed'],
      ['https://0x7f.1/', 'host_invalid'],
      ['https://2130706433', 'host_invalid'],
      ['https://[::1]/', 'host_invalid'],
      ['https://user:secret@api.example', 'host_invalid'],
      ['https://api.example/?x=1', 'host_invalid'],
      ['https://api.example#x', 'host_invalid'],
      ['ftp://api.example', 'host_invalid'],
      ['api.example', 'host_invalid'],
    ] as const) {
      await assert.rejects(guard.check(url), { code }, url)
    }
  })

  it('stands at the socket: a request to a private address fails before it is sent', async () => {
    await assert.rejects(guard.agent.request({ origin: 'http://localhost:1', path: '/', method: 'GET' }), {
      code: 'host_not_allowed',
    })
    const allowed = httpTargetGuard({ policy: { allowedCidrs: ['127.0.0.0/8'] }, lookup })
    await assert.rejects(allowed.agent.request({ origin: 'http://localhost:1', path: '/', method: 'GET' }), {
      code: 'ECONNREFUSED',
    })
    await Promise.all([guard.agent.close(), allowed.agent.close()])
  })
})

describe('CA bundles', () => {
  it('are refused when too large, empty or not certificates', () => {
    for (const bundle of [
      '',
      'hello',
      '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----',
      'x'.repeat(caBytesMax + 1),
    ]) {
      assert.throws(() => caCertificates(bundle), { code: 'ca_certificate_invalid' })
    }
  })
})
