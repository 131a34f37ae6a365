import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { AwsError } from './aws-error.ts'

/** A request as it came in. */
export type SignedRequest = {
  readonly method: string
  /** Encoded, as on the wire. */
  readonly path: string
  readonly query: string
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly body: Buffer
}

/** Whose signature a request carries. */
export type Signer = {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Of temporary credentials. */
  readonly sessionToken: string | null
  readonly expiresAtMs: number | null
  /** The role that was assumed; null for Millrace's own identity. */
  readonly role: string | null
}

const form =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/

/**
 * Verifies a signature of version 4 and says whose it is. Throws what AWS answers.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
export function verifySignature(request: SignedRequest, signers: ReadonlyMap<string, Signer>, nowMs: number): Signer {
  const [, keyId, date, region, service, names, given] = form.exec(header(request, 'authorization')) ?? []
  if (keyId === undefined || given === undefined)
    throw new AwsError('MissingAuthenticationToken', 'Missing Authentication Token', 403)
  const isS3 = service === 's3'
  const signer = signers.get(keyId)
  if (signer === undefined || (signer.sessionToken ?? '') !== header(request, 'x-amz-security-token'))
    throw isS3
      ? new AwsError('InvalidAccessKeyId', 'The AWS Access Key Id you provided does not exist in our records.', 403)
      : new AwsError('UnrecognizedClientException', 'The security token included in the request is invalid.', 400)
  if (signer.expiresAtMs !== null && signer.expiresAtMs <= nowMs)
    throw isS3
      ? new AwsError('ExpiredToken', 'The provided token has expired.', 400)
      : new AwsError('ExpiredTokenException', 'The security token included in the request is expired', 400)
  const scope = `${date}/${region}/${service}/aws4_request`
  checkDate(header(request, 'x-amz-date'), nowMs, isS3)
  checkBody(request)
  const text = ['AWS4-HMAC-SHA256', header(request, 'x-amz-date'), scope, sha256(canonical(request, names!.split(';')))]
  const key = [date!, region!, service!, 'aws4_request'].reduce<Buffer>(
    (secret, part) => hmac(secret, part),
    Buffer.from(`AWS4${signer.secretAccessKey}`),
  )
  const expected = hmac(key, text.join('\n'))
  if (timingSafeEqual(expected, Buffer.from(given, 'hex'))) return signer
  throw new AwsError(
    isS3 ? 'SignatureDoesNotMatch' : 'InvalidSignatureException',
    'The request signature we calculated does not match the signature you provided.',
    403,
  )
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html: within 15 minutes. */
function checkDate(date: string, nowMs: number, isS3: boolean): void {
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date) ?? []
  const atMs = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second))
  if (Math.abs(nowMs - atMs) <= 15 * 60_000) return
  throw isS3
    ? new AwsError(
        'RequestTimeTooSkewed',
        'The difference between the request time and the current time is too large.',
        403,
      )
    : new AwsError('InvalidSignatureException', `Signature expired: ${date}`, 403)
}

/** The signature covers what the header says of the body, so the header must be true; streams may leave it unsaid. */
function checkBody(request: SignedRequest): void {
  const said = header(request, 'x-amz-content-sha256')
  if (said === '' || said === 'UNSIGNED-PAYLOAD' || said.startsWith('STREAMING-')) return
  if (said === sha256(request.body)) return
  throw new AwsError(
    'XAmzContentSHA256Mismatch',
    "The provided 'x-amz-content-sha256' header does not match what was computed.",
  )
}

function canonical(request: SignedRequest, names: readonly string[]): string {
  const query = request.query
    .split('&')
    .filter(Boolean)
    .map((pair) => (pair.includes('=') ? pair : `${pair}=`))
    .sort()
    .join('&')
  const headers = names.map((name) => `${name}:${header(request, name).trim().replace(/ +/g, ' ')}\n`).join('')
  const payload = header(request, 'x-amz-content-sha256') || sha256(request.body)
  return [request.method, request.path, query, headers, names.join(';'), payload].join('\n')
}

function header({ headers }: SignedRequest, name: string): string {
  return [headers[name] ?? ''].flat().join(',')
}

function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex')
}

function hmac(key: Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest()
}
