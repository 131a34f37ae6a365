import type { ColumnType } from '@millrace/domain/row-schema.ts'

/**
 * Cuts columns out of the Avro encoding of a Row: a column is encoded the same in a before-image, so what is kept of a row are
 * bytes of it. `positions` in the order in which they are wanted.
 */
export function cutColumns(row: Buffer, types: readonly ColumnType[], positions: readonly number[]): Buffer {
  const starts: number[] = []
  let at = 0
  const last = Math.max(-1, ...positions)
  for (let i = 0; i <= last; i++) {
    starts.push(at)
    at = endOfColumn(row, at, types[i]!)
  }
  starts.push(at)
  return Buffer.concat(positions.map((i) => row.subarray(starts[i], starts[i + 1])))
}

/** union(null, T): one byte says which. https://avro.apache.org/docs/1.12.0/specification/#binary-encoding */
function endOfColumn(row: Buffer, at: number, type: ColumnType): number {
  if (row[at++] === 0) return at
  switch (type) {
    case 'boolean':
      return at + 1
    case 'double':
      return at + 8
    case 'integer':
    case 'timestamp':
    case 'date':
      return endOfVarint(row, at)
    default: {
      const end = endOfVarint(row, at)
      let length = 0
      for (let i = end - 1; i >= at; i--) length = length * 128 + (row[i]! & 0x7f)
      // zigzag; lengths are never negative
      return end + length / 2
    }
  }
}

function endOfVarint(row: Buffer, at: number): number {
  while (row[at]! >= 0x80) at++
  return at + 1
}
