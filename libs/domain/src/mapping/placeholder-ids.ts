/**
 * Ids that mean "there is no id" and that the sink refuses as a distinct id, in any case of letters.
 * https://docs.mixpanel.com/reference/import-events and .../troubleshooting/errors/server-side-events-without-a-user
 */
export const placeholderIds: readonly string[] = [
  '',
  '-1',
  '0',
  '00000000-0000-0000-0000-000000000000',
  '<nil>',
  '[]',
  'anon',
  'anonymous',
  'false',
  'lmy47d',
  'n/a',
  'na',
  'nil',
  'none',
  'null',
  'true',
  'undefined',
  'unknown',
  '{}',
]

const byLength: readonly (readonly Buffer[])[] = Array.from({ length: 37 }, (_, length) =>
  placeholderIds.filter((id) => id.length === length).map((id) => Buffer.from(id)),
)

/** Whether the text at [start, end) of `source` is such an id. */
export function isPlaceholderId(source: Uint8Array, start: number, end: number): boolean {
  const candidates = byLength[end - start]
  if (candidates === undefined) return false
  for (const candidate of candidates) if (equalsIgnoringCase(source, start, candidate)) return true
  return false
}

function equalsIgnoringCase(source: Uint8Array, start: number, lower: Buffer): boolean {
  for (let i = 0; i < lower.length; i++) {
    const byte = source[start + i]!
    if ((byte >= 65 && byte <= 90 ? byte | 32 : byte) !== lower[i]) return false
  }
  return true
}
