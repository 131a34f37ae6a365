/**
 * The shop's events (data/shop-events.ts) made by the warehouse itself: the same ten columns, sizes and spread, not the same values.
 * `i` is the number of the row from 1 on, `hash(i, n)` an expression for a large whole number that depends on both.
 */
export function shopEventSql(hash: (i: string, n: number) => string, dialect: EventDialect): string {
  const below = (n: number, max: number) => `(${hash('i', n)} % ${max})`
  const pick = (n: number, values: readonly string[]) =>
    `CASE ${below(n, values.length)} ${values.map((value, at) => `WHEN ${at} THEN '${value}'`).join(' ')} END`
  const user = below(1, 200_000)
  const details = [
    `'{"page": "/products/' || (1000 + ${below(2, 9000)})`,
    `'", "campaign": "' || ${pick(3, ['spring-sale', 'newsletter', 'organic', 'retargeting', 'partner'])}`,
    `'", "session": "' || ${hash('i', 4)} || '", "load_ms": ' || ${below(5, 3000)} || '}'`,
  ].join(' || ')
  return [
    'i',
    pick(6, [
      'Page Viewed',
      'Product Viewed',
      'Product Added',
      'Checkout Started',
      'Order Completed',
      'Search Performed',
    ]),
    dialect.time(`${below(7, spanSeconds)}`),
    `'user-' || ${user}`,
    `'device-' || ${user} || '-' || ${below(8, 3)}`,
    pick(9, ['DE', 'US', 'FR', 'GB', 'IN', 'BR', 'JP', 'ES', 'IT', 'NL']),
    `CAST(${below(10, 100_000)} AS DECIMAL(12, 2)) / 100`,
    `1 + ${below(11, 9)}`,
    `${below(12, 10)} < 3`,
    dialect.json(details),
  ].join(',\n  ')
}

export type EventDialect = {
  /** A moment so many seconds after `firstTime`. */
  readonly time: (seconds: string) => string
  readonly json: (text: string) => string
}

/** Events lie in the 90 days from here on. */
export const firstTime = '2026-03-03 00:00:00'
const spanSeconds = 90 * 24 * 3600
