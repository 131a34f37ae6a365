import { MillraceError } from '@millrace/domain/errors.ts'

/** The CSV is not what RFC 4180 and the rules of lookup tables ask for; `index` counts rows after the header. */
export class CsvError extends MillraceError {
  readonly index: number
  constructor(index: number, message: string) {
    super('csv_invalid', message, 'Send RFC 4180 CSV in UTF-8: a header line, then rows with as many fields.')
    this.index = index
  }
}

/**
 * The rows of a CSV, header first; null is an empty field without quotes. Fields may be quoted ("" is a quote), hold
 * line ends inside quotes; lines end with LF or CRLF. Throws CsvError.
 */
export function* csvRows(source: Buffer): Generator<(string | null)[]> {
  let row: (string | null)[] = []
  let rows = 0
  // A byte order mark is no part of the first name.
  let i = source.length > 2 && source[0] === 0xef && source[1] === 0xbb && source[2] === 0xbf ? 3 : 0
  while (i < source.length) {
    if (source[i] === 34) {
      const end = closingQuote(source, i)
      if (end < 0) throw new CsvError(rows - 1, 'a quoted field has no end')
      row.push(source.toString('utf8', i + 1, end).replaceAll('""', '"'))
      i = end + 1
    } else {
      const start = i
      while (i < source.length && source[i] !== 44 && source[i] !== 10 && source[i] !== 13) i++
      row.push(i === start ? null : source.toString('utf8', start, i))
    }
    const next = source[i]
    if (next === 44) {
      i++
      if (i === source.length) row.push(null)
      continue
    }
    if (next === 13 && source[i + 1] === 10) i++
    else if (next !== undefined && next !== 10)
      throw new CsvError(rows - 1, 'a field has text behind its closing quote')
    i++
    // A line with nothing on it is no row.
    if (row.length > 1 || row[0] !== null) {
      yield row
      rows++
    }
    row = []
  }
  if (row.length > 0) yield row
}

function closingQuote(source: Buffer, start: number): number {
  for (let i = start + 1; ; i++) {
    i = source.indexOf(34, i)
    if (i < 0 || source[i + 1] !== 34) return i
    i++
  }
}

export type LookupShape = { readonly columns: readonly string[]; readonly rows: number }

/** Checks a lookup table's CSV: names that differ, rows as wide as the header, an id in each. Throws CsvError. */
export function checkLookupCsv(source: Buffer): LookupShape {
  const rows = csvRows(source)
  const header = rows.next()
  if (header.done === true) throw new CsvError(-1, 'there is no header line')
  const columns = header.value.map((name) => name ?? '')
  if (columns.includes('') || new Set(columns).size < columns.length)
    throw new CsvError(-1, 'each column needs a name of its own in the header line')
  let count = 0
  for (const row of rows) {
    if (row.length !== columns.length)
      throw new CsvError(count, `row has ${row.length} fields, the header has ${columns.length}`)
    if (row[0] === null || row[0] === '') throw new CsvError(count, 'the id, which is the first field, is empty')
    count++
  }
  return { columns, rows: count }
}
