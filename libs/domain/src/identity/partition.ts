import { hash } from 'node:crypto'

/**
 * Partition of a row: its row id is a hash already, so the first 32 bits, big endian, modulo the number of
 * partitions. The same row is always in the same partition, so its changes stay in order.
 */
export function partitionOf(rowId: Buffer, partitions: number): number {
  return rowId.readUInt32BE(0) % partitions
}

/** Partition of a lookup table: the destination replaces a table as a whole, so all its rows go the same way. */
export function partitionOfSync(syncId: string, partitions: number): number {
  return partitionOf(hash('sha256', syncId, 'buffer'), partitions)
}
