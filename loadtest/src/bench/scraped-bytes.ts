/** Bytes that a service has handed on since its start, from its /metrics; 0 when it has none. */
export async function bytesOut(adminUrl: string): Promise<number> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text()
  let sum = 0
  for (const [, value] of text.matchAll(/^millrace_bytes_out(?:_total)?\{[^}]*\} (\S+)/gm)) sum += Number(value)
  return sum
}
