import 'reflect-metadata' // @peculiar/x509 needs it at import
import type { webcrypto } from 'node:crypto'
import { isIPv4 } from 'node:net'
import * as x509 from '@peculiar/x509'

export type IssueOptions = {
  /** Default: from an hour ago. */
  readonly notBefore?: Date
  /** Default: for ten years. */
  readonly notAfter?: Date
}

/** PEM texts of a server's certificate and its private key. */
export type IssuedCertificate = { readonly cert: string; readonly key: string }

/** An authority of one's own, for servers on this machine; nobody else trusts it. */
export type TestCa = {
  /** PEM: what clients must trust. */
  readonly certificate: string
  /** A certificate for a server of these names, which may be IPv4 addresses. */
  issue(names: readonly string[], options?: IssueOptions): Promise<IssuedCertificate>
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const hourMs = 3_600_000
const tenYearsMs = 10 * 365 * 24 * hourMs
const flags = x509.KeyUsageFlags

export async function createTestCa(): Promise<TestCa> {
  const keys = await newKeys()
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=Millrace test authority ${crypto.randomUUID()}`,
    ...validity({}),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(flags.keyCertSign | flags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return {
    certificate: authority.toString('pem'),
    async issue(names, options = {}) {
      const own = await newKeys()
      const cert = await x509.X509CertificateGenerator.create({
        subject: 'CN=Millrace test server',
        issuer: authority.subject,
        ...validity(options),
        signingAlgorithm: algorithm,
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        extensions: [
          ...serverExtensions(names),
          await x509.AuthorityKeyIdentifierExtension.create(authority.publicKey),
        ],
      })
      return { cert: cert.toString('pem'), key: await keyPem(own.privateKey) }
    },
  }
}

/** A certificate that vouches for itself. */
export async function selfSigned(names: readonly string[], options: IssueOptions = {}): Promise<IssuedCertificate> {
  const keys = await newKeys()
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=Millrace test server',
    ...validity(options),
    signingAlgorithm: algorithm,
    keys,
    extensions: serverExtensions(names),
  })
  return { cert: cert.toString('pem'), key: await keyPem(keys.privateKey) }
}

function serverExtensions(names: readonly string[]): x509.Extension[] {
  return [
    new x509.BasicConstraintsExtension(false),
    new x509.KeyUsagesExtension(flags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
    new x509.SubjectAlternativeNameExtension(
      names.map((name) => ({ type: isIPv4(name) ? 'ip' : 'dns', value: name }) as const),
    ),
  ]
}

function validity({ notBefore, notAfter }: IssueOptions): { notBefore: Date; notAfter: Date } {
  const now = Date.now()
  return { notBefore: notBefore ?? new Date(now - hourMs), notAfter: notAfter ?? new Date(now + tenYearsMs) }
}

async function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return (await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
}

async function keyPem(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')
}
