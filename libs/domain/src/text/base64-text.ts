const alphabet = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/')

/** Length of the base64 text of `bytes` bytes, padding included. */
export function base64Length(bytes: number): number {
  return Math.ceil(bytes / 3) * 4
}

/** Writes [start, end) of `source` as base64 with padding (RFC 4648, section 4); returns the position after it. */
export function writeBase64(source: Uint8Array, start: number, end: number, target: Uint8Array, at: number): number {
  let i = start
  for (; i + 2 < end; i += 3) {
    const three = (source[i]! << 16) | (source[i + 1]! << 8) | source[i + 2]!
    target[at++] = alphabet[three >>> 18]!
    target[at++] = alphabet[(three >>> 12) & 63]!
    target[at++] = alphabet[(three >>> 6) & 63]!
    target[at++] = alphabet[three & 63]!
  }
  if (i === end) return at
  const last = (source[i]! << 16) | (i + 1 < end ? source[i + 1]! << 8 : 0)
  target[at++] = alphabet[last >>> 18]!
  target[at++] = alphabet[(last >>> 12) & 63]!
  target[at++] = i + 1 < end ? alphabet[(last >>> 6) & 63]! : 61
  target[at++] = 61
  return at
}
