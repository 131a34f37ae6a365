/** How many of `total` Avro bytes, a length and that many bytes of text, are the length: a varint of twice the text's bytes. */
export function lengthBytes(total: number): number {
  let bytes = 1
  while (2 * (total - bytes) >= 128 ** bytes) bytes++
  return bytes
}
