import type { Lane, WarehouseKind } from '@millrace/domain/words.ts'

/** Change records of a warehouse: written by its extractors, read by the lane's transformers. */
export function changesTopic(warehouse: WarehouseKind, lane: Lane): string {
  return `changes.${warehouse}.${lane}`
}

/** Updates: written by the lane's transformers, read by its loaders. Same partitions as the changes topics of the lane. */
export function updatesTopic(lane: Lane): string {
  return `updates.${lane}`
}

/** Messages that cannot be read, with where they came from. */
export const deadLetterTopic = 'deadletter'

/** Updates of a project whose destination is down, kept until it is back. */
export function parkedTopic(projectId: string): string {
  // Kafka allows letters, digits, '.', '_' and '-', and at most 249 characters.
  return `parked.${projectId.replaceAll(/[^a-zA-Z0-9_-]/g, '_').slice(0, 240)}`
}
