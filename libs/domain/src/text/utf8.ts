/**
 * Size of the well-formed UTF-8 sequence at `i`, where the byte is 0x80 or more: 2, 3 or 4; 0 when it is malformed,
 * overlong, a surrogate, beyond U+10FFFF or cut off at `end`. Table 3-7 of the Unicode standard.
 */
export function utf8SequenceSize(source: Uint8Array, i: number, end: number): number {
  const first = source[i]!
  if (first < 0xc2 || first > 0xf4) return 0
  const size = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
  if (i + size > end) return 0
  const second = source[i + 1]!
  const lowest = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
  const highest = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
  if (second < lowest || second > highest) return 0
  if (size > 2 && (source[i + 2]! & 0xc0) !== 0x80) return 0
  if (size > 3 && (source[i + 3]! & 0xc0) !== 0x80) return 0
  return size
}
