import type { RunLeavings } from '../warehouse.ts'

/**
 * What a run of a mirrored sync keeps for the next one: bytes that only the warehouse's own folder understands, and the blobs that they
 * are about, in its order; null = none. Blobs of earlier runs may be among them.
 */
export type KeptSet = { readonly head: Buffer; readonly blobs: readonly (string | null)[] }

/**
 * Where a warehouse keeps what it compares with when it may write nothing at the user's: a place of Millrace's own, which the extractor gives
 * to it. Blobs and sets are never changed once they are there.
 */
export type KeptReader = {
  /** null when it is gone. */
  set(id: string): Promise<KeptSet | null>
  /** Bytes by id; those that are gone are missing. The caller asks for as many as it has memory for. */
  blobs(ids: readonly string[]): Promise<ReadonlyMap<string, Buffer>>
  /** Whether all of these blobs are there. */
  hasBlobs(ids: readonly string[]): Promise<boolean>
  /** Removes what neither the sync's next run begins from nor a run that is not over has made. Safe to repeat. */
  cleanUp(leavings: RunLeavings): Promise<void>
}

/** Writes for one attempt at one plan; what another attempt makes is not touched. Rejects once the attempt does not count any more. */
export type KeptWriter = {
  /** Gives their ids, in order. */
  putBlobs(contents: readonly Buffer[]): Promise<readonly string[]>
  /** Gives its id. */
  putSet(set: KeptSet): Promise<string>
}
