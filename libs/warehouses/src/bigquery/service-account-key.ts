import { WarehouseError } from '../warehouse-error.ts'

/** What is taken from a service account's key file. */
export type ServiceAccountKey = { readonly email: string; readonly privateKey: string; readonly keyId: string }

/** Google's own address for tokens. A key file that names another one would have us send signed assertions elsewhere. */
export const googleTokenUrl = 'https://oauth2.googleapis.com/token'

const knownFields: ReadonlySet<string> = new Set([
  'type',
  'project_id',
  'private_key_id',
  'private_key',
  'client_email',
  'client_id',
  'auth_uri',
  'token_uri',
  'auth_provider_x509_cert_url',
  'client_x509_cert_url',
  'universe_domain',
])

const fixed: Readonly<Record<string, string>> = {
  type: 'service_account',
  token_uri: googleTokenUrl,
  universe_domain: 'googleapis.com',
}

/** Reads the key file that Google gives out. Throws `options_invalid`; the file's content is never shown. */
export function readServiceAccountKey(text: string): ServiceAccountKey {
  const key = parse(text)
  const unknown = Object.keys(key).find((name) => !knownFields.has(name))
  if (unknown !== undefined) throw invalid('has a field that such keys do not have')
  for (const [name, value] of Object.entries(fixed)) {
    if (name === 'type' ? key[name] !== value : key[name] !== undefined && key[name] !== value)
      throw invalid(`has another ${name} than ${value}`)
  }
  const { client_email: email, private_key: privateKey, private_key_id: keyId } = key
  if (typeof email !== 'string' || !/^[a-z0-9.-]{1,200}@[a-z0-9.-]{1,200}$/.test(email))
    throw invalid('has no client_email')
  if (typeof privateKey !== 'string' || !/^-----BEGIN (RSA )?PRIVATE KEY-----\n/.test(privateKey))
    throw invalid('has no private_key in PEM form')
  return { email, privateKey, keyId: typeof keyId === 'string' ? keyId : '' }
}

function parse(text: string): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw invalid('is not JSON')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid('is no JSON object')
  return value as Readonly<Record<string, unknown>>
}

function invalid(why: string): WarehouseError {
  return new WarehouseError(
    'options_invalid',
    `The key of the service account ${why}.`,
    'Make a key of type JSON (IAM, Service accounts, Keys) and enter the whole file.',
  )
}
