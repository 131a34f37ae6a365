import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { importJson, shopEvents } from '../data/shop-events.ts'

const compress = promisify(gzip)

export type ImportBody = { readonly events: number; readonly gzip: Buffer }

/** Requests for the import API, ready to be sent: JSON arrays of distinct events, gzip level 1. */
export async function importBodies(seed: number, events: number, perBody: number): Promise<ImportBody[]> {
  const bodies: ImportBody[] = []
  for (let first = 1; first <= events; first += perBody) {
    const count = Math.min(perBody, events - first + 1)
    const lines: string[] = []
    for (const event of shopEvents(seed, first, count)) {
      const id = createHash('sha256').update(`${seed}/${event.eventId}`).digest('hex').slice(0, 36)
      lines.push(importJson(event, id))
    }
    bodies.push({ events: count, gzip: await compress(`[${lines.join(',')}]`, { level: 1 }) })
  }
  return bodies
}
