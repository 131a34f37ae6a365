import type { DuckDBConnection } from '@duckdb/node-api'
import type { StoredFrame } from '../log/frame-reader.ts'
import { readLineText } from '../log/record-line.ts'
import { applyUpdate, type Profile, readProfile, writeProfile } from './profile-update.ts'

type Line = {
  readonly sequence: number
  readonly timeMs: number
  readonly a: string
  readonly b: string
  readonly json: string
}

/** The lines of a frame that is not of events. */
export function* frameLines(frame: StoredFrame): Generator<Line> {
  for (let start = 0; start < frame.lines.length; ) {
    const end = frame.lines.indexOf(10, start)
    const [, sequence, timeMs, a, b, , , json] = frame.lines.toString('utf8', start, end).split('\t')
    yield { sequence: Number(sequence), timeMs: Number(timeMs), a: readLineText(a!), b: readLineText(b!), json: json! }
    start = end + 1
  }
}

type Merged = { groupKey: string; id: string; profile: Profile | null; sequence: number; timeMs: number }

/**
 * Merges the updates of one frame into the profiles, inside the caller's transaction: one read of the profiles concerned,
 * the updates in the log's order, one write. What the request path must not do, once per frame and in the background.
 */
export async function mergeProfiles(connection: DuckDBConnection, frame: StoredFrame): Promise<void> {
  const lines = [...frameLines(frame)]
  const merged = await readCurrent(connection, lines)
  for (const { sequence, timeMs, a, b, json } of lines) {
    const entry = merged.get(profileKey(a, b))!
    entry.profile = applyUpdate(entry.profile, json)
    entry.sequence = sequence
    entry.timeMs = timeMs
  }
  await connection.run(
    'DELETE FROM profiles USING touched WHERE profiles.group_key = touched.group_key AND profiles.id = touched.id',
  )
  const appender = await connection.createAppender('profiles')
  for (const { groupKey, id, profile, sequence, timeMs } of merged.values()) {
    if (profile === null) continue
    appender.appendVarchar(groupKey)
    appender.appendVarchar(id)
    appender.appendUBigInt(BigInt(sequence))
    appender.appendBigInt(BigInt(timeMs))
    appender.appendVarchar(writeProfile(profile))
    appender.endRow()
  }
  appender.closeSync()
}

async function readCurrent(connection: DuckDBConnection, lines: readonly Line[]): Promise<Map<string, Merged>> {
  const merged = new Map<string, Merged>()
  await connection.run('CREATE OR REPLACE TEMP TABLE touched (group_key VARCHAR, id VARCHAR)')
  const appender = await connection.createAppender('touched', null, 'temp')
  for (const { a: groupKey, b: id } of lines) {
    const key = profileKey(groupKey, id)
    if (merged.has(key)) continue
    merged.set(key, { groupKey, id, profile: null, sequence: 0, timeMs: 0 })
    appender.appendVarchar(groupKey)
    appender.appendVarchar(id)
    appender.endRow()
  }
  appender.closeSync()
  const current = await connection.runAndReadAll(
    'SELECT group_key, id, properties FROM profiles JOIN touched USING (group_key, id)',
  )
  for (const [groupKey, id, properties] of current.getRows() as [string, string, string][])
    merged.get(profileKey(groupKey, id))!.profile = readProfile(properties)
  return merged
}

function profileKey(groupKey: string, id: string): string {
  return `${groupKey}\0${id}`
}
