import { WarehouseError } from '../warehouse-error.ts'
import { textLiteral } from './identifiers.ts'
import { fileForm } from './statements.ts'
import type { TypeRuleName } from './types.ts'

/** A file of a run's rows; its name stands behind the run's place in the bucket. */
export type UnloadedFile = { readonly name: string; readonly rows: number }

/** Compressed size at which Redshift begins another file of a slice: a file is the least that is read again after a crash. */
const fileMegabytes = 16
const fileMegabytesOfMany = 256
const manyRows = 500_000_000
export const partName = 'part_'
export const manifestName = `${partName}manifest`

export type UnloadParts = {
  /** The columns in the order of the files, each by its name in the query's source. */
  readonly columns: readonly { readonly rule: TypeRuleName; readonly name: string }[]
  /** Quoted table, perhaps with a condition. */
  readonly from: string
  readonly rows: number
  /** `s3://bucket/where/`: nothing may be there. */
  readonly place: string
  /** ARN of a role, or `default`. */
  readonly iamRole: string
}

/**
 * Writes rows into the bucket. Fields end with |, rows with a line feed; both, and the backslash, have a backslash before them
 * inside of a text. https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD.html
 */
export function unloadStatement({ columns, from, rows, place, iamRole }: UnloadParts): string {
  const forms = columns.map(({ rule, name }, i) => fileForm(rule, i, name))
  const role = iamRole === 'default' ? 'default' : textLiteral(iamRole)
  const size = rows > manyRows ? fileMegabytesOfMany : fileMegabytes
  return `UNLOAD (${textLiteral(`SELECT ${forms.join(', ')} FROM ${from}`)})
TO ${textLiteral(place + partName)}
IAM_ROLE ${role}
DELIMITER '|' ESCAPE GZIP MANIFEST VERBOSE MAXFILESIZE ${size} MB`
}

type Entry = { readonly url?: unknown; readonly meta?: { readonly record_count?: unknown } }

/** The files that a manifest names. Throws `protocol_error` when it is not about `place`. */
export function readManifest(text: string, place: string): readonly UnloadedFile[] {
  const { entries = [] } = JSON.parse(text) as { entries?: readonly Entry[] }
  return entries.map(({ url, meta }) => {
    const rows = Number(meta?.record_count)
    const name = typeof url === 'string' && url.startsWith(place) ? url.slice(place.length) : ''
    if (!/^[A-Za-z0-9_.-]{1,100}$/.test(name) || !Number.isSafeInteger(rows) || rows < 0) throw malformed()
    return { name, rows }
  })
}

/** Files of about `chunkRows` rows together. A plan is one value of the store: beyond 10,000 chunks they grow. */
export function groupFiles(files: readonly UnloadedFile[], chunkRows: number): readonly (readonly UnloadedFile[])[] {
  const total = files.reduce((sum, { rows }) => sum + rows, 0)
  const aim = Math.max(chunkRows, Math.ceil(total / chunksMax))
  const groups: UnloadedFile[][] = []
  let room = 0
  for (const file of files.filter(({ rows }) => rows > 0)) {
    if (room < file.rows) {
      groups.push([])
      room = aim
    }
    groups.at(-1)!.push(file)
    room -= file.rows
  }
  return groups
}

const chunksMax = 10_000

function malformed(): WarehouseError {
  return new WarehouseError(
    'protocol_error',
    'The manifest of the unloaded rows is not in the form that Redshift documents.',
    'If it happens again, report it with the log of the extractor.',
  )
}
