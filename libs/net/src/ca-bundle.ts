import { X509Certificate } from 'node:crypto'
import { NetError } from './net-error.ts'

/** Size of a bundle of certificates, in bytes. */
export const caBytesMax = 256 * 1024
const certificatesMax = 200

const pem = /-----BEGIN CERTIFICATE-----[\sA-Za-z0-9+/=]+-----END CERTIFICATE-----/g

/** The certificates of a PEM bundle, each parsed once to be sure. Throws `NetError` `ca_certificate_invalid`. */
export function caCertificates(bundle: string): readonly string[] {
  if (Buffer.byteLength(bundle) > caBytesMax) throw invalid(`must be at most ${caBytesMax} bytes`)
  const found = bundle.match(pem) ?? []
  if (found.length === 0) throw invalid('must hold a PEM certificate (-----BEGIN CERTIFICATE-----)')
  if (found.length > certificatesMax) throw invalid(`must hold at most ${certificatesMax} certificates`)
  for (const [i, each] of found.entries()) {
    try {
      new X509Certificate(each)
    } catch (error) {
      throw invalid(`certificate ${i + 1} cannot be parsed`, error)
    }
  }
  return found
}

function invalid(message: string, cause?: unknown): NetError {
  return new NetError(
    'ca_certificate_invalid',
    message,
    'Paste the PEM file of the authority that signed the server’s certificate.',
    { cause },
  )
}
