import type { Kek } from './kek.ts'
import type { Sealed } from './sealed.ts'

/**
 * The same secret with its data key wrapped under the current key-encryption key; null when it is already. The plaintext
 * is not touched. After all rows are re-wrapped, the old key can be removed from the file.
 */
export function rewrap({ kek, sealed }: { readonly kek: Kek; readonly sealed: Sealed }): Sealed | null {
  if (sealed.kekId === kek.currentId) return null
  const dataKey = kek.unwrap({ kekId: sealed.kekId, wrapped: sealed.wrappedKey })
  const { kekId, wrapped } = kek.wrap(dataKey)
  dataKey.fill(0)
  return { ...sealed, kekId, wrappedKey: wrapped }
}
