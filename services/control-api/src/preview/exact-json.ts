type RawJson = { rawJSON(text: string): unknown }
type ReviverContext = { readonly source?: string }

/**
 * JSON.parse that keeps the digits of every number: one that a double would change is written out again as it stood
 * (JSON.rawJSON). Throws SyntaxError.
 */
export function exactJson(text: string): unknown {
  const keep = (_key: string, value: unknown, context?: ReviverContext) =>
    typeof value === 'number' && context?.source !== undefined && JSON.stringify(value) !== context.source
      ? (JSON as unknown as RawJson).rawJSON(context.source)
      : value
  return JSON.parse(text, keep as Parameters<typeof JSON.parse>[1])
}
