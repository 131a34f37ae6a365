/**
 * DuckDB takes names that differ in case only for the same, Snowflake does not. So a name with small letters stands in DuckDB
 * in capitals, followed by \u0001 and which of its letters are small (hexadecimal). Names in capitals stand as they are.
 */
export function duckName(name: string): string {
  let small = 0n
  for (let i = 0; i < name.length; i++) {
    const c = name.charCodeAt(i)
    if (c >= 97 && c <= 122) small |= 1n << BigInt(i)
  }
  if (small === 0n) return name
  return `${name.replace(/[a-z]/g, (c) => c.toUpperCase())}\u0001${small.toString(16)}`
}

export function nameFromDuck(name: string): string {
  const [letters, mask] = name.split('\u0001')
  if (mask === undefined || letters === undefined) return name
  const small = BigInt(`0x${mask}`)
  return [...letters].map((c, i) => ((small >> BigInt(i)) & 1n ? c.toLowerCase() : c)).join('')
}

/** A name as DuckDB reads it. */
export function duckIdentifier(name: string): string {
  return `"${duckName(name).replaceAll('"', '""')}"`
}

/** A name as Snowflake prints it in messages and SHOW: quotes only where it needs them. */
export function shownName(name: string): string {
  return /^[A-Z_][A-Z0-9_$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`
}

export function literal(text: string): string {
  if (!text.includes('\0')) return `'${text.replaceAll("'", "''")}'`
  return `(${text
    .split('\0')
    .map((part) => literal(part))
    .join(' || chr(0) || ')})`
}
