import type { IncomingMessage } from 'node:http'

const requestBytesMax = 64 * 1024 * 1024

/** All bytes of a request. Rejects when there are more than 64 MB. */
export async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length
    if (bytes > requestBytesMax) throw new Error('the request is too large')
    parts.push(part)
  }
  return Buffer.concat(parts)
}
