import { seededRandom } from '@millrace/testkit/seeded-random.ts'

/**
 * Made-up events of a shop: ten columns, one of them jsonb, about 350 bytes as the JSON of an event. The same seed
 * gives the same rows.
 */
export type ShopEvent = {
  readonly eventId: number
  readonly name: string
  /** Milliseconds since 1970; within the 90 days before 2026-06-01, so that no validation finds them too young. */
  readonly timeMs: number
  readonly userId: string
  readonly deviceId: string
  readonly country: string
  readonly amount: string
  readonly quantity: number
  readonly member: boolean
  /** JSON text of an object. */
  readonly properties: string
}

/** Columns in order; `eventColumns` of a row are what `copyLine` writes. */
export const shopEventsTable = `
  event_id bigint PRIMARY KEY,
  event_name text NOT NULL,
  event_time timestamptz NOT NULL,
  user_id text NOT NULL,
  device_id text NOT NULL,
  country text,
  amount numeric(12,2),
  quantity integer,
  is_member boolean,
  properties jsonb`

const names = [
  'Page Viewed',
  'Product Viewed',
  'Product Added',
  'Checkout Started',
  'Order Completed',
  'Search Performed',
]
const countries = ['DE', 'US', 'FR', 'GB', 'IN', 'BR', 'JP', 'ES', 'IT', 'NL']
const campaigns = ['spring-sale', 'newsletter', 'organic', 'retargeting', 'partner']
const endMs = Date.UTC(2026, 5, 1)
const spanMs = 90 * 24 * 3600 * 1000

/** Events `first` to `first + count - 1`. */
export function* shopEvents(seed: number, first: number, count: number): Generator<ShopEvent> {
  const random = seededRandom(seed + first * 7919)
  const upTo = (max: number) => Math.floor(random() * max)
  for (let n = 0; n < count; n++) {
    const user = upTo(200_000)
    const page = `/products/${1000 + upTo(9000)}`
    const campaign = campaigns[upTo(campaigns.length)]
    const session = (upTo(0xffffffff) + 0x100000000).toString(16)
    yield {
      eventId: first + n,
      name: names[upTo(names.length)]!,
      timeMs: endMs - 1 - upTo(spanMs),
      userId: `user-${user}`,
      deviceId: `device-${user}-${upTo(3)}`,
      country: countries[upTo(countries.length)]!,
      amount: (upTo(100_000) / 100).toFixed(2),
      quantity: 1 + upTo(9),
      member: random() < 0.3,
      properties: `{"page": "${page}", "campaign": "${campaign}", "session": "${session}", "load_ms": ${upTo(3000)}}`,
    }
  }
}

/** One line of Postgres' COPY text format; no value of these events needs escaping. */
export function copyLine(event: ShopEvent): string {
  const time = new Date(event.timeMs).toISOString()
  return `${event.eventId}\t${event.name}\t${time}\t${event.userId}\t${event.deviceId}\t${event.country}\t${event.amount}\t${event.quantity}\t${event.member ? 't' : 'f'}\t${event.properties}\n`
}

/** The event as the public import API takes it, when nobody but a script stands in between. */
export function importJson(event: ShopEvent, insertId: string): string {
  const properties = event.properties.slice(1)
  return `{"event":"${event.name}","properties":{"time":${event.timeMs},"$insert_id":"${insertId}","distinct_id":"${event.userId}","$user_id":"${event.userId}","$device_id":"${event.deviceId}","event_id":${event.eventId},"country":"${event.country}","amount":${event.amount},"quantity":${event.quantity},"is_member":${event.member},${properties}}`
}

/** How a sync maps the table. */
export const shopEventsMapping = {
  tableType: 'events',
  eventName: { column: 'event_name' },
  time: 'event_time',
  userId: 'user_id',
  deviceId: 'device_id',
  jsonProperties: 'properties',
} as const
