/**
 * JSON for a jsonb column. Postgres takes neither NUL nor lone surrogates in it, and both can come from a warehouse's
 * answers; they become U+FFFD instead of an error that no repetition heals.
 */
export function jsonText(value: unknown): string {
  return JSON.stringify(value).replace(/\\(u0000|ud[89a-f][0-9a-f]{2}|[\s\S])/g, (whole, what: string) =>
    what.length > 1 ? '\ufffd' : whole,
  )
}

/** Text for a text column, without what Postgres refuses. */
export function plainText(value: string): string {
  return value.replaceAll('\0', '\ufffd').toWellFormed()
}
