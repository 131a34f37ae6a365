import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { dropBuffer } from '@millrace/domain/drop-buffer.ts'
import { MixpanelError } from './mixpanel-error.ts'

const inflate = promisify<Buffer, { maxOutputLength: number; chunkSize: number }, Buffer>(gunzip)

/**
 * A body without its gzip, at most `bytesMax` bytes: inflating stops there, so a small body cannot become a large one.
 * What was compressed is empty afterwards.
 * Throws a MixpanelError with 413, 415 or 400.
 */
export async function decodeBody(body: Buffer, encoding: string | undefined, bytesMax: number): Promise<Buffer> {
  if (encoding === undefined || encoding === '' || encoding === 'identity') {
    if (body.length > bytesMax) throw tooLarge(bytesMax)
    return body
  }
  if (encoding !== 'gzip') throw new MixpanelError(415, 'Content-Encoding must be gzip or left out')
  try {
    const inflated = await inflate(body, { maxOutputLength: bytesMax, chunkSize: inflatedSize(body, bytesMax) })
    dropBuffer(body)
    return inflated
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(bytesMax)
    throw new MixpanelError(400, 'The body is not gzip, as Content-Encoding says')
  }
}

/**
 * Room for the output in one piece: the size that gzip's trailer claims (RFC 1952, ISIZE), within the limit. A false claim
 * costs more pieces, or room no larger than the limit; the default of 16 KB costs 43 steps and a copy for 2,000 events.
 */
function inflatedSize(body: Buffer, bytesMax: number): number {
  const claimed = body.length >= 18 ? body.readUInt32LE(body.length - 4) : 0
  return Math.max(1024, Math.min(claimed, bytesMax) + 1)
}

/**
 * The value of `data` in a form or query, as the older client libraries send it: base64 of JSON, whose `+` they do not
 * escape, or JSON itself. Throws a MixpanelError with 400.
 */
export function readDataField(form: string): Buffer {
  const match = /(?:^|&)data=([^&]*)/.exec(form)
  if (match === null) throw new MixpanelError(400, 'The field data is missing')
  const raw = match[1]!
  try {
    const value = decodeURIComponent(raw)
    return /^\s*[[{]/.test(value.replaceAll('+', ' '))
      ? Buffer.from(decodeURIComponent(raw.replaceAll('+', ' ')))
      : Buffer.from(value, 'base64')
  } catch {
    throw new MixpanelError(400, 'The field data is not percent-encoded text')
  }
}

function tooLarge(bytesMax: number): MixpanelError {
  return new MixpanelError(413, `Request exceeds max size of ${bytesMax} bytes`)
}
