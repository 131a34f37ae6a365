/** A page by keyset: entries that follow `after`, at most `limit`. */
export type PageRequest<Key> = { readonly after: Key | null; readonly limit: number }

/** `next` is the key to go on after; null at the end. */
export type Page<Item, Key> = { readonly items: readonly Item[]; readonly next: Key | null }

/** Makes a page of `limit + 1` rows that were asked for: the last one only tells that there is more. */
export function toPage<Item, Key>(rows: readonly Item[], limit: number, keyOf: (item: Item) => Key): Page<Item, Key> {
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  return { items, next: rows.length > limit && last !== undefined ? keyOf(last) : null }
}
