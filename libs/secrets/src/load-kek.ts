import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Kek, keyBytes } from './kek.ts'
import { SecretError } from './secret-error.ts'

/**
 *     key file = *( line LF )
 *     line     = id ":" base64 of 32 bytes | "#" comment | ""
 *
 * The first key is the current one; those below are only read with. Throws SecretError `kek_invalid`.
 */
export function parseKek(text: string): Kek {
  const lines = text.split(/\r?\n/).map((line) => line.trim())
  const keys = lines.flatMap((line, i) => {
    if (line === '' || line.startsWith('#')) return []
    const match = /^([A-Za-z0-9._-]{1,64}):([A-Za-z0-9+/]{43}=)$/.exec(line)
    if (match) return [{ id: match[1]!, key: Buffer.from(match[2]!, 'base64') }]
    // The line itself may be a key, so it is not shown.
    throw new SecretError('kek_invalid', `Line ${i + 1} of the key file is no key.`, 'Write id:base64 of 32 bytes.')
  })
  return new Kek(keys)
}

/** The key-encryption keys of a file (MILLRACE_KEK_FILE). Throws SecretError `kek_invalid`. */
export function loadKek(file: string): Kek {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new SecretError(
      'kek_invalid',
      `The key file ${file} cannot be read (${code}).`,
      'Let MILLRACE_KEK_FILE name a readable file with one key a line: id:base64 of 32 random bytes.',
      { cause },
    )
  }
  return parseKek(text)
}

/** A new line for a key file, with its line end. */
export function newKekLine(id: string): string {
  return `${id}:${randomBytes(keyBytes).toString('base64')}\n`
}
