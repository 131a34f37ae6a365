import { utf8SequenceSize } from '../text/utf8.ts'
import { nulCharacter, textInvalid } from './problem.ts'

const plain = 0
const control = 1
const nul = 2
const beyondAscii = 3

/** Per byte: 0 copied as it is, 1 control character, 2 NUL, 3 start of UTF-8, else the letter after a backslash. */
const kinds = new Uint8Array(256)
for (let byte = 0; byte < 256; byte++) kinds[byte] = byte < 32 ? control : byte < 128 ? plain : beyondAscii
kinds[0] = nul
for (const [byte, letter] of [
  [8, 'b'],
  [9, 't'],
  [10, 'n'],
  [12, 'f'],
  [13, 'r'],
  [34, '"'],
  [92, '\\'],
] as const)
  kinds[byte] = letter.charCodeAt(0)

const hexDigits = Buffer.from('0123456789abcdef')

/** Room that `writeJsonString` may use for `bytes` bytes of text. */
export function jsonStringMax(bytes: number): number {
  return bytes * 6 + 2
}

/**
 * Writes UTF-8 text at [start, end) of `source` as a JSON string: the same text as JSON.stringify gives, but from
 * bytes to bytes. Returns the position after it, `nulCharacter` or `textInvalid`.
 */
export function writeJsonString(
  source: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  at: number,
): number {
  target[at++] = 34
  at = writeJsonText(source, start, end, target, at)
  if (at < 0) return at
  target[at] = 34
  return at + 1
}

/** `writeJsonString` without the quotes. */
export function writeJsonText(source: Uint8Array, start: number, end: number, target: Uint8Array, at: number): number {
  for (let i = start; i < end; i++) {
    const byte = source[i]!
    const kind = kinds[byte]!
    if (kind === plain) target[at++] = byte
    else if (kind === beyondAscii) {
      const size = utf8SequenceSize(source, i, end)
      if (size === 0) return textInvalid
      target[at++] = byte
      target[at++] = source[++i]!
      if (size > 2) target[at++] = source[++i]!
      if (size > 3) target[at++] = source[++i]!
    } else if (kind === nul) return nulCharacter
    else {
      target[at++] = 92
      if (kind === control) {
        target[at++] = 117
        target[at++] = 48
        target[at++] = 48
        target[at++] = hexDigits[byte >>> 4]!
        target[at++] = hexDigits[byte & 15]!
      } else target[at++] = kind
    }
  }
  return at
}
