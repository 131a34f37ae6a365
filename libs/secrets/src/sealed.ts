/** A secret at rest, as the table `secrets` holds it. Useless without the key-encryption key and in any other place. */
export type Sealed = {
  /** Version of the scheme below; part of what is authenticated. */
  readonly keyVersion: number
  readonly kekId: string
  readonly wrappedKey: Buffer
  readonly nonce: Buffer
  readonly ciphertext: Buffer
  readonly tag: Buffer
}

/** Where a secret belongs: it opens nowhere else. */
export type SecretPlace = {
  /** Id of the project. */
  readonly tenant: string
  /** `source:<id>` or `project:<id>`. */
  readonly owner: string
  readonly field: string
}

/** The scheme in use: a data key of its own per secret, AES-256-GCM, 96-bit random nonce. */
export const keyVersion = 1

/**
 *     additional data = text(tenant) "|" text(owner) "|" text(field) "|" version
 *     text            = length in bytes ":" UTF-8
 *
 * Lengths make it injective: no two places have the same bytes, whatever their names hold.
 */
export function additionalData(place: SecretPlace, version: number): Buffer {
  const text = (value: string) => `${Buffer.byteLength(value)}:${value}`
  return Buffer.from(`${text(place.tenant)}|${text(place.owner)}|${text(place.field)}|${version}`)
}
