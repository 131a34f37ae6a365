/** A name given as a text, folded as names are. */
export function pathOf(text: string): readonly string[] {
  const parts = text.match(/"(?:[^"]|"")+"|[^.]+/g) ?? []
  return parts.map((part) => (part.startsWith('"') ? part.slice(1, -1).replaceAll('""', '"') : part.toUpperCase()))
}
