import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { to as copyTo } from 'pg-copy-streams'
import { toPostgres } from './dialect.ts'
import type { ObjectStore } from './object-store.ts'
import { SliceFile } from './slice-file.ts'
import { UnloadLines } from './unload-lines.ts'

export type UnloadStatement = {
  readonly query: string
  readonly bucket: string
  /** Of the keys. */
  readonly prefix: string
  /** ARN, or `default`. */
  readonly role: string
  readonly delimiter: string
  readonly isEscaped: boolean
  readonly isZipped: boolean
  readonly hasManifest: boolean
  readonly mayOverwrite: boolean
  readonly isParallel: boolean
  readonly fileBytesMax: number
}

const text = String.raw`'((?:[^'\\]|''|\\[\s\S])*)'`
const form = new RegExp(
  String.raw`^\s*UNLOAD\s*\(\s*${text}\s*\)\s*TO\s+'s3://([^/']+)/([^']*)'\s+(?:IAM_ROLE\s+(?:'([^']+)'|(DEFAULT)))([\s\S]*)$`,
  'i',
)
const options =
  /\b(?:DELIMITER\s+(?:AS\s+)?'(.)'|(ESCAPE)\b|(GZIP)\b|(MANIFEST(?:\s+VERBOSE)?)\b|(ALLOWOVERWRITE)\b|PARALLEL\s+(ON|OFF|TRUE|FALSE)\b|MAXFILESIZE\s+(?:AS\s+)?(\d+(?:\.\d+)?)\s*(MB|GB)|HEADER\b|CLEANPATH\b)/gi

/**
 * Null for a statement of another kind. Throws Redshift's words for what this stand-in, or Redshift, does not take.
 * https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD.html
 */
export function readUnload(sql: string): UnloadStatement | null {
  if (!/^\s*UNLOAD\b/i.test(sql)) return null
  const [, query, bucket, prefix, role, isDefault, rest] = form.exec(sql) ?? []
  if (query === undefined || bucket === undefined || prefix === undefined || rest === undefined)
    throw new Error('ERROR: syntax error in UNLOAD')
  const left = rest.replace(options, '').replace(/[;\s]/g, '')
  if (left !== '') throw new Error(`ERROR: syntax error at or near "${left.slice(0, 40)}"`)
  const found = [...rest.matchAll(options)]
  const option = (group: number) => found.find((each) => each[group] !== undefined)?.[group]
  const fileBytesMax = Number(option(7) ?? 6200) * (option(8)?.toUpperCase() === 'GB' ? 1024 : 1) * 1024 * 1024
  if (fileBytesMax < 5 * 1024 * 1024 || fileBytesMax > 6200 * 1024 * 1024)
    throw new Error('ERROR: MAXFILESIZE must be between 5 MB and 6.2 GB')
  return {
    query: query.replaceAll("''", "'").replaceAll('\\\\', '\\'),
    bucket,
    prefix,
    role: isDefault === undefined ? role! : 'default',
    delimiter: option(1) ?? '|',
    isEscaped: option(2) !== undefined,
    isZipped: option(3) !== undefined,
    hasManifest: option(4) !== undefined,
    mayOverwrite: option(5) !== undefined,
    isParallel: !/^(OFF|FALSE)$/i.test(option(6) ?? 'ON'),
    fileBytesMax,
  }
}

export type UnloadParts = {
  readonly client: pg.Client
  readonly store: ObjectStore
  readonly slices: number
  readonly isCaseSensitive: boolean
}

/** Rows a slice writes before the next one takes over. */
const turnBytes = 64 * 1024

/**
 * Writes the rows of a query into files of the bucket, one or more per slice, and the manifest after all of them. Gives the
 * number of rows.
 */
export async function runUnload(statement: UnloadStatement, parts: UnloadParts): Promise<number> {
  const { client, store, slices, isCaseSensitive } = parts
  const { prefix, delimiter, isEscaped, fileBytesMax, isParallel, mayOverwrite } = statement
  if (!isEscaped) throw new Error('ERROR: this stand-in unloads delimited text with ESCAPE only')
  const there = store.list(prefix)
  if (there.length > 0 && !mayOverwrite)
    throw new Error(
      `ERROR: Specified unload destination on S3 is not empty. Consider using a different bucket / prefix, manually removing the target files in S3, or using the ALLOWOVERWRITE option.`,
    )
  const query = toPostgres(statement.query, { isCaseSensitive })
  const copy = client.query(copyTo(`COPY (${query}) TO STDOUT (FORMAT text, DELIMITER '${delimiter}', NULL '')`))
  const id = randomUUID()
  const files = Array.from(
    { length: isParallel ? slices : 1 },
    (_, slice) => new SliceFile({ store, id, prefix, slice, bytesMax: fileBytesMax, isZipped: statement.isZipped }),
  )
  const lines = new UnloadLines(turnBytes)
  try {
    let turn = 0
    for await (const bytes of copy as AsyncIterable<Buffer>) {
      for (const { content, rows } of lines.add(bytes)) await files[turn++ % files.length]!.write(content, rows)
    }
    for (const { content, rows } of lines.end()) await files[turn++ % files.length]!.write(content, rows)
    const written = (await Promise.all(files.map((file) => file.end()))).flat()
    for (const { pendingFile, key } of written) store.adopt(pendingFile, key)
    const rows = written.reduce((sum, file) => sum + file.rows, 0)
    if (statement.hasManifest) store.put(`${prefix}manifest`, manifest(statement.bucket, written, rows))
    return rows
  } catch (error) {
    for (const file of files) file.abandon()
    throw error
  }
}

type Written = { readonly key: string; readonly bytes: number; readonly rows: number }

function manifest(bucket: string, files: readonly Written[], rows: number): string {
  return JSON.stringify({
    entries: files.map(({ key, bytes, rows: count }) => ({
      url: `s3://${bucket}/${key}`,
      meta: { content_length: bytes, record_count: count },
    })),
    meta: { content_length: files.reduce((sum, { bytes }) => sum + bytes, 0), record_count: rows },
    author: { name: 'Amazon Redshift', version: '1.0.0' },
  })
}
