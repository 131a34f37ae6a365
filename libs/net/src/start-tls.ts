import { isIPv4 } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect, type TLSSocket } from 'node:tls'
import { caCertificates } from './ca-bundle.ts'
import { NetError } from './net-error.ts'

export type TlsMode = 'verify-full' | 'verify-ca'

export type TlsRequest = {
  /** The name that the certificate must bear. */
  readonly name: string
  readonly mode: TlsMode
  /** PEM bundle to trust instead of the public authorities. */
  readonly ca?: string
  readonly signal: AbortSignal
}

const handshakeMs = 10_000

const reasons: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'it has expired',
  CERT_NOT_YET_VALID: 'it is not valid yet',
  CERT_REVOKED: 'it was revoked',
  ERR_TLS_CERT_ALTNAME_INVALID: 'it was made out to another host name',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'it was signed by an authority that is not trusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'it was signed by an authority that is not trusted',
  UNABLE_TO_GET_ISSUER_CERT: 'it was signed by an authority that is not trusted',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'it was signed by an authority that is not trusted',
  CERT_SIGNATURE_FAILURE: 'its signature is wrong',
  INVALID_CA: 'one of its authorities may not sign certificates',
  INVALID_PURPOSE: 'it is not meant for servers',
  HOSTNAME_MISMATCH: 'it was made out to another host name',
}

/** TLS 1.2 or later over a connection, with the certificate checked. Throws `NetError`; the connection is then closed. */
export function startTls(socket: Duplex, request: TlsRequest): Promise<TLSSocket> {
  const { name, mode, ca, signal } = request
  return new Promise<TLSSocket>((resolve, reject) => {
    const secured = connect({
      socket,
      host: name,
      ...(isIPv4(name) ? {} : { servername: name }),
      ...(ca === undefined ? {} : { ca: [...caCertificates(ca)] }),
      minVersion: 'TLSv1.2',
      // Said aloud, since NODE_TLS_REJECT_UNAUTHORIZED would turn the default off for the whole process.
      rejectUnauthorized: true,
      // The chain is always checked; verify-ca leaves out the comparison of names and nothing else.
      ...(mode === 'verify-ca' ? { checkServerIdentity: () => undefined } : {}),
    })
    const end = (error: unknown) => {
      settle()
      secured.destroy()
      socket.destroy()
      reject(error)
    }
    const onError = (error: Error) => end(tlsError(error))
    const onClose = () => end(tlsError(new Error('closed')))
    const onAbort = () => end(signal.reason)
    const timer = setTimeout(() => end(tlsError(new Error('no answer'))), handshakeMs)
    const settle = () => {
      clearTimeout(timer)
      secured.off('error', onError).off('close', onClose)
      secured.on('error', () => undefined)
      signal.removeEventListener('abort', onAbort)
    }
    secured.once('error', onError).once('close', onClose)
    signal.addEventListener('abort', onAbort, { once: true })
    secured.once('secureConnect', () => {
      settle()
      resolve(secured)
    })
  })
}

function tlsError(error: Error): NetError {
  const reason = reasons[(error as { code?: string }).code ?? '']
  if (reason !== undefined) {
    return new NetError(
      'tls_certificate_invalid',
      `The server’s certificate is not accepted: ${reason}.`,
      'Give the certificate of the authority that signed it, and the host name that it was made out to.',
      { cause: error },
    )
  }
  return new NetError(
    'tls_failed',
    'The server and Millrace could not agree on an encrypted connection.',
    'The server must offer TLS 1.2 or later.',
    { cause: error },
  )
}
