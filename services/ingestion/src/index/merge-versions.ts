import type { DuckDBConnection } from '@duckdb/node-api'
import { linesOf, textOf } from './segment-lines.ts'

const key = ['event', 'time_ms', 'distinct_id', 'insert_id']
const sameKey = key.map((column) => `kept.${column} = incoming.${column}`).join(' AND ')

const tables = { v: 'mirrored_events', h: 'mirrored_profiles' } as const

/**
 * Takes the versioned upserts and deletes of a segment into the table of their kind: of each key the latest version stays,
 * whatever the order and however often they came; a delete stays as a tombstone, so that an older upsert that comes late
 * does not bring the row back. What is below the floor of its import is left out. Runs in the caller's transaction. Proved by test/mirror.test.ts.
 */
export async function mergeVersions(
  connection: DuckDBConnection,
  file: string,
  kind: keyof typeof tables,
): Promise<void> {
  const table = tables[kind]
  await connection.run(`
    CREATE OR REPLACE TEMP TABLE incoming AS
    SELECT sequence, time_ms, ${textOf('a')} AS event, ${textOf('b')} AS distinct_id, split_part(c, '/', 1) AS insert_id,
      ${textOf('d')} AS import_id, split_part(c, '/', 3)::BIGINT AS generation, split_part(c, '/', 4)::BIGINT AS run_seq,
      split_part(c, '/', 5)::BIGINT AS ordinal, split_part(c, '/', 2) = 'delete' AS is_deleted, properties
    FROM ${linesOf(file)}
    WHERE kind = '${kind}'
    QUALIFY row_number() OVER (PARTITION BY ${key.join(', ')} ORDER BY generation DESC, run_seq DESC, ordinal DESC, sequence) = 1`)
  await connection.run(`
    DELETE FROM incoming USING import_floors AS floor
    WHERE incoming.import_id = floor.import_id AND incoming.generation < floor.generation`)
  await connection.run(`
    DELETE FROM ${table} AS kept USING incoming
    WHERE ${sameKey} AND row(kept.generation, kept.run_seq, kept.ordinal) < row(incoming.generation, incoming.run_seq, incoming.ordinal)`)
  await connection.run(`
    INSERT INTO ${table}
    SELECT * FROM incoming WHERE NOT EXISTS (SELECT 1 FROM ${table} AS kept WHERE ${sameKey})`)
  await connection.run('DROP TABLE incoming')
}
