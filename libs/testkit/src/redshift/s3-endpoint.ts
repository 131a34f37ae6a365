import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import { AwsError } from './aws-error.ts'
import type { Iam } from './iam.ts'
import type { ObjectStore, StoredObject } from './object-store.ts'
import type { SignedRequest, Signer } from './signature.ts'

export type S3Answer = {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Readable
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html: at most 1,000 keys a page. */
const keysMax = 1000

/**
 * The operations of S3 that go with unloaded rows, path-style: get (with ranges), head, put, list, delete, delete several.
 * Throws what S3 refuses.
 */
export function answerS3(store: ObjectStore, iam: Iam, signer: Signer, request: SignedRequest): S3Answer {
  const [, bucket = '', ...parts] = request.path.split('/').map(decodeURIComponent)
  const key = parts.join('/')
  if (bucket !== store.bucket) throw new AwsError('NoSuchBucket', 'The specified bucket does not exist', 404)
  const query = new URLSearchParams(request.query)
  const allow = (action: string) => {
    try {
      iam.allow(signer, action)
    } catch {
      throw new AwsError('AccessDenied', 'Access Denied', 403)
    }
  }
  if (key !== '') return answerObject(store, request, key, allow)
  if (request.method === 'POST' && query.has('delete')) {
    allow('s3:DeleteObject')
    return { status: 200, body: deleteAll(store, request.body.toString('utf8')) }
  }
  if (request.method === 'GET' && query.has('location')) {
    allow('s3:GetBucketLocation')
    return { status: 200, body: '<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>' }
  }
  if (request.method === 'HEAD' || query.get('list-type') === '2') {
    allow('s3:ListBucket')
    return request.method === 'HEAD' ? { status: 200 } : { status: 200, body: page(store, query) }
  }
  throw new AwsError('NotImplemented', 'A header you provided implies functionality that is not implemented', 501)
}

function answerObject(
  store: ObjectStore,
  { method, headers, body }: SignedRequest,
  key: string,
  allow: (action: string) => void,
): S3Answer {
  switch (method) {
    case 'PUT':
      allow('s3:PutObject')
      return { status: 200, headers: { etag: `"${store.put(key, contentOf(body, headers))}"` } }
    case 'DELETE':
      allow('s3:DeleteObject')
      store.remove(key)
      return { status: 204 }
    case 'GET':
    case 'HEAD': {
      allow('s3:GetObject')
      const object = store.find(key)
      if (object === null) {
        allow('s3:ListBucket')
        throw new AwsError('NoSuchKey', 'The specified key does not exist.', 404)
      }
      return objectOf(store, object, method, String(headers.range ?? ''))
    }
    default:
      throw new AwsError('MethodNotAllowed', 'The specified method is not allowed against this resource.', 405)
  }
}

function objectOf(store: ObjectStore, object: StoredObject, method: string, range: string): S3Answer {
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(range) ?? []
  const start = Number(from ?? 0)
  const end = Math.min(to ? Number(to) : object.bytes - 1, object.bytes - 1)
  if (from !== undefined && start >= object.bytes)
    throw new AwsError('InvalidRange', 'The requested range is not satisfiable', 416)
  return {
    status: from === undefined ? 200 : 206,
    headers: {
      'content-length': String(end - start + 1),
      'last-modified': new Date(object.modifiedMs).toUTCString(),
      etag: etagOf(object),
      ...(from === undefined ? {} : { 'content-range': `bytes ${start}-${end}/${object.bytes}` }),
    },
    ...(method === 'HEAD' || object.bytes === 0 ? {} : { body: store.read(object.key, { start, end }) }),
  }
}

function page(store: ObjectStore, query: URLSearchParams): string {
  const prefix = query.get('prefix') ?? ''
  const after = Buffer.from(query.get('continuation-token') ?? '', 'base64').toString('utf8')
  const max = Math.min(keysMax, Number(query.get('max-keys') ?? keysMax))
  const left = store
    .list(prefix)
    .filter(({ key }) => after === '' || Buffer.compare(Buffer.from(key), Buffer.from(after)) > 0)
  const shown = left.slice(0, max)
  const more = left.length > shown.length
  const next = more ? Buffer.from(shown.at(-1)?.key ?? '').toString('base64') : null
  const contents = shown.map(
    (object) =>
      `<Contents><Key>${escapeXml(object.key)}</Key><Size>${object.bytes}</Size><ETag>${escapeXml(etagOf(object))}</ETag>` +
      `<LastModified>${new Date(object.modifiedMs).toISOString()}</LastModified><StorageClass>STANDARD</StorageClass></Contents>`,
  )
  return `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
<Name>${store.bucket}</Name><Prefix>${escapeXml(prefix)}</Prefix><KeyCount>${shown.length}</KeyCount><MaxKeys>${max}</MaxKeys>
<IsTruncated>${more}</IsTruncated>${next === null ? '' : `<NextContinuationToken>${next}</NextContinuationToken>`}${contents.join('')}</ListBucketResult>`
}

function deleteAll(store: ObjectStore, xml: string): string {
  const keys = [...xml.matchAll(/<Key>([\s\S]*?)<\/Key>/g)].map(([, key]) => unescapeXml(key ?? ''))
  if (keys.length === 0 || keys.length > keysMax)
    throw new AwsError(
      'MalformedXML',
      'The XML you provided was not well-formed or did not validate against our published schema',
    )
  for (const key of keys) store.remove(key)
  const quiet = /<Quiet>true<\/Quiet>/.test(xml)
  const deleted = quiet ? '' : keys.map((key) => `<Deleted><Key>${escapeXml(key)}</Key></Deleted>`).join('')
  return `<?xml version="1.0" encoding="UTF-8"?><DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${deleted}</DeleteResult>`
}

/** Bodies may come in chunks with a checksum behind them ("aws-chunked"). */
function contentOf(body: Buffer, headers: SignedRequest['headers']): Buffer {
  if (!String(headers['content-encoding'] ?? '').includes('aws-chunked')) return body
  const parts: Buffer[] = []
  for (let at = 0; at < body.length; ) {
    const lineEnd = body.indexOf('\r\n', at)
    const size = Number.parseInt(body.toString('latin1', at, lineEnd), 16)
    if (!(size > 0)) break
    parts.push(body.subarray(lineEnd + 2, lineEnd + 2 + size))
    at = lineEnd + 2 + size + 2
  }
  return Buffer.concat(parts)
}

function etagOf({ key, bytes, modifiedMs }: StoredObject): string {
  return `"${createHash('md5').update(`${key} ${bytes} ${modifiedMs}`).digest('hex')}"`
}

export function escapeXml(text: string): string {
  return text.replace(/[<>&"']/g, (char) => `&#${char.charCodeAt(0)};`)
}

function unescapeXml(text: string): string {
  const named: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }
  return text.replace(/&(#x?[0-9a-fA-F]+|[a-z]+);/g, (whole, name: string) => {
    if (name.startsWith('#x')) return String.fromCodePoint(Number.parseInt(name.slice(2), 16))
    if (name.startsWith('#')) return String.fromCodePoint(Number(name.slice(1)))
    return named[name] ?? whole
  })
}
